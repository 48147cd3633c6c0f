/*
 * Webhooks of the platform, signed ahead: RSA signing takes more time than what is
 * to be measured.  Writes the file of requests that load.c plays.
 *
 *   sign KEY_FILE KEY_ID COUNT FIRST_INSTALLATION INSTALLATIONS DEVICES PORT FILE
 *
 * Each carries one switch event with an id of its own for the device
 * "lamp-N" of the installation "bench-NNNNNN"; signatures are good for five minutes.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#define REQUEST_MAX 3072
#define BODY_MAX 1536
/* Between 1582-10-15, where the clock of a version-1 UUID starts, and 1970, in 100 ns units. */
#define UUID_EPOCH 0x01B21DD213814000ULL

struct slot {
	uint32_t length;
	char text[REQUEST_MAX];
};

static const char *key_id, *port;
static unsigned first_installation, installations, devices;
static EVP_PKEY *key;
static uint64_t first_tick; /* 100 ns units since 1970 */
static uint64_t node;       /* of the UUIDs, one a run */

static void
die(const char *what)
{
	fprintf(stderr, "sign: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
read_key(const char *path)
{
	FILE *file = fopen(path, "re");

	if (file == NULL)
		die(path);
	key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
	if (key == NULL)
		die("no private key in the file");
}

static void
put_base64(const unsigned char *bytes, size_t length, char *out)
{
	EVP_EncodeBlock((unsigned char *)out, bytes, (int)length);
}

/* A hash of a number (splitmix64), the same in every run. */
static uint64_t
mix(uint64_t n)
{
	n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9ULL;
	n = (n ^ (n >> 27)) * 0x94d049bb133111ebULL;
	return n ^ (n >> 31);
}

static int
make_body(unsigned i, char *out)
{
	uint64_t tick = first_tick + i, clock = tick + UUID_EPOCH;
	uint64_t spread = mix(i + 1);
	time_t at = (time_t)(tick / 10000000);
	char time_text[32];
	struct tm parts;

	strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &parts));
	return snprintf(out, BODY_MAX,
	    "{\"messageType\":\"EVENT\",\"eventData\":{\"installedApp\":{\"installedAppId\":"
	    "\"bench-%06u\",\"locationId\":\"4ef5fd32-5f7b-4a2b-9c0e-6d4a8b1f2c3d\"},\"events\":"
	    "[{\"eventTime\":\"%s\",\"eventType\":\"DEVICE_EVENT\",\"deviceEvent\":{"
	    "\"eventId\":\"%08x-%04x-1%03x-8000-%012llx\","
	    "\"locationId\":\"4ef5fd32-5f7b-4a2b-9c0e-6d4a8b1f2c3d\","
	    "\"ownerId\":\"7c1f0a5e-2b63-4e0f-8a8d-51f6d3c2b1a0\",\"ownerType\":\"LOCATION\","
	    "\"deviceId\":\"lamp-%u\",\"componentId\":\"main\",\"capability\":\"switch\","
	    "\"attribute\":\"switch\",\"value\":\"%s\",\"valueType\":\"string\","
	    "\"stateChange\":true,\"data\":{},\"subscriptionName\":\"switch\"}}]}}",
	    first_installation + (unsigned)(spread % installations), time_text,
	    (unsigned)(clock & 0xffffffff), (unsigned)(clock >> 32 & 0xffff),
	    (unsigned)(clock >> 48 & 0xfff), (unsigned long long)node,
	    (unsigned)((spread >> 32) % devices), (spread >> 60 & 1) != 0 ? "on" : "off");
}

static void
sign_text(const char *text, size_t length, char *out)
{
	unsigned char signature[1024];
	size_t signature_length = sizeof(signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (context == NULL || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(
		context, signature, &signature_length, (const unsigned char *)text, length) != 1)
		die("signing failed");
	EVP_MD_CTX_free(context);
	put_base64(signature, signature_length, out);
}

static void
make_request(unsigned i, struct slot *slot)
{
	unsigned char hash[32];
	char body[BODY_MAX], digest[64], signature[1400], date[64], text[512];
	int body_length = make_body(i, body);
	time_t now = time(NULL);
	struct tm parts;
	int length;

	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &parts));
	if (EVP_Digest(body, (size_t)body_length, hash, NULL, EVP_sha256(), NULL) != 1)
		die("no SHA-256");
	put_base64(hash, sizeof(hash), digest);
	length = snprintf(text, sizeof(text),
	    "(request-target): post /\ndigest: SHA256=%s\ndate: %s", digest, date);
	sign_text(text, (size_t)length, signature);
	length = snprintf(slot->text, sizeof(slot->text),
	    "POST / HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nContent-Type: application/json\r\n"
	    "Authorization: Signature keyId=\"%s\",signature=\"%s\","
	    "headers=\"(request-target) digest date\",algorithm=\"rsa-sha256\"\r\n"
	    "Digest: SHA256=%s\r\nDate: %s\r\nContent-Length: %d\r\n\r\n%s",
	    port, key_id, signature, digest, date, body_length, body);
	if (length < 0 || (size_t)length >= sizeof(slot->text))
		die("a request is too long");
	slot->length = (uint32_t)length;
}

static struct slot *
make_requests(unsigned count)
{
	long processes = sysconf(_SC_NPROCESSORS_ONLN);
	struct slot *slots = mmap(NULL, count * sizeof(*slots), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	if (slots == MAP_FAILED)
		die("memory");
	for (long p = 0; p < processes; p++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid > 0)
			continue;
		for (unsigned i = (unsigned)p; i < count; i += (unsigned)processes)
			make_request(i, &slots[i]);
		_exit(0);
	}
	while (wait(&status) > 0) {
		if (status != 0)
			exit(1);
	}
	return slots;
}

int
main(int argc, char **argv)
{
	struct timespec now;
	struct slot *slots;
	unsigned count;
	FILE *file;

	if (argc != 9) {
		fprintf(stderr, "usage: sign KEY_FILE KEY_ID COUNT FIRST_INSTALLATION "
				"INSTALLATIONS DEVICES PORT FILE\n");
		return 64;
	}
	read_key(argv[1]);
	key_id = argv[2];
	count = (unsigned)atoi(argv[3]);
	first_installation = (unsigned)atoi(argv[4]);
	installations = (unsigned)atoi(argv[5]);
	devices = (unsigned)atoi(argv[6]);
	port = argv[7];
	if (count == 0 || installations == 0 || devices == 0)
		return 64;
	clock_gettime(CLOCK_REALTIME, &now);
	/* All times are in the past: events with a time in the future count as now. */
	first_tick = (uint64_t)now.tv_sec * 10000000 + (uint64_t)now.tv_nsec / 100 - count;
	node = mix(first_tick) & 0xffffffffffffULL;
	slots = make_requests(count);
	file = fopen(argv[8], "we");
	if (file == NULL)
		die(argv[8]);
	for (unsigned i = 0; i < count; i++) {
		if (fwrite(&slots[i].length, sizeof(uint32_t), 1, file) != 1 ||
		    fwrite(slots[i].text, slots[i].length, 1, file) != 1)
			die(argv[8]);
	}
	if (fclose(file) != 0)
		die(argv[8]);
	return 0;
}
