/* A unix socket that survives the death of its owner. */
#include "stream/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

#define BACKLOG 1024

static bool
somebody_answers(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answers;

	if (fd < 0)
		return false;
	answers = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
	close(fd);
	return answers;
}

static bool
bind_and_listen(int fd, const struct sockaddr_un *address)
{
	mode_t old = umask(0117);
	int result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int error = errno;

	umask(old);
	errno = error;
	return result == 0 && listen(fd, BACKLOG) == 0;
}

static enum sw_err
complain(const char *path, const char *what, enum sw_err err)
{
	log_event(LOG_ERROR, "events.socket", "variable", "SWITCHBOARD_EVENTS_SOCKET", "path", path,
	    "error", what, (const char *)NULL);
	return err;
}

enum sw_err
events_socket_open(const char *path, int *out)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	struct stat status;
	int fd;

	*out = -1;
	if (length >= sizeof(address.sun_path))
		return complain(path, "the path of a socket has at most 107 bytes", SW_EINPUT);
	memcpy(address.sun_path, path, length + 1);
	if (somebody_answers(&address))
		return complain(path, "another process serves this socket", SW_ECONFLICT);
	if (stat(path, &status) == 0 && S_ISSOCK(status.st_mode))
		unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || !bind_and_listen(fd, &address)) {
		enum sw_err err = complain(path, strerror(errno), SW_EINPUT);

		if (fd >= 0)
			close(fd);
		return err;
	}
	*out = fd;
	return SW_OK;
}

void
events_socket_remove(const char *path)
{
	unlink(path);
}
