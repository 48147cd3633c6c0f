/*
 * A FastCGI program that does nothing else, to measure against: read the
 * body, answer 200 with that many bytes; with a database, read one row of
 * bench_row by its key first.
 *
 *   empty SOCKET PROCESSES BYTES [DATABASE_URL]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcgiapp.h>
#include <libpq-fe.h>

/* NULL for no URL; ends the program when the database cannot be used. */
static PGconn *
open_database(const char *url)
{
	PGconn *conn;
	PGresult *result;

	if (url == NULL)
		return NULL;
	conn = PQconnectdb(url);
	result =
	    PQprepare(conn, "row", "SELECT n FROM switchboard.bench_row WHERE n = $1", 1, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK) {
		fprintf(stderr, "empty: %s", PQerrorMessage(conn));
		_exit(1);
	}
	PQclear(result);
	return conn;
}

static void
read_row(PGconn *conn)
{
	const char *const one[] = {"1"};
	PGresult *result = PQexecPrepared(conn, "row", 1, one, NULL, NULL, 0);

	if (PQntuples(result) != 1)
		_exit(1);
	PQclear(result);
}

static void
serve(int listener, int bytes, const char *url)
{
	PGconn *conn = open_database(url);
	char *answer = malloc((size_t)bytes + 128);
	char body[4096];
	FCGX_Request request;
	int length;

	if (answer == NULL || FCGX_InitRequest(&request, listener, 0) != 0)
		return;
	length = sprintf(answer,
	    "Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
	    bytes);
	memset(answer + length, 'x', (size_t)bytes);
	length += bytes;
	while (FCGX_Accept_r(&request) == 0) {
		while (FCGX_GetStr(body, sizeof(body), request.in) == (int)sizeof(body))
			continue;
		if (conn != NULL)
			read_row(conn);
		FCGX_PutStr(answer, length, request.out);
		FCGX_Finish_r(&request);
	}
}

int
main(int argc, char **argv)
{
	int listener;

	if (argc != 4 && argc != 5) {
		fprintf(stderr, "usage: empty SOCKET PROCESSES BYTES [DATABASE_URL]\n");
		return 64;
	}
	FCGX_Init();
	listener = FCGX_OpenSocket(argv[1], 511);
	if (listener < 0)
		return 1;
	for (int i = 0; i < atoi(argv[2]); i++) {
		if (fork() != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(listener, atoi(argv[3]), argv[4]);
		_exit(1);
	}
	while (wait(NULL) > 0)
		continue;
	return 1;
}
