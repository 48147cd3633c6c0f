/*
 * URLs (RFC 3986) and forms (WHATWG URL Standard 5.1), read strictly: what two readers could take
 * in two ways is refused.  URLs are read by libcurl, which will also follow them.
 */
#include "formats/url.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <curl/urlapi.h>

#include "base/ascii.h"
#include "base/hex.h"
#include "formats/number.h"

#define URL_MAX 2048
#define HOST_MAX 253 /* RFC 1035 3.1, in text form */
#define LABEL_MAX 63

void
url_put_encoded(struct sbuf *buf, const char *text)
{
	while (text != NULL && *text != '\0') {
		char escape[3] = "%";
		size_t run = 0;

		while (ascii_is_alnum(text[run]) ||
		       (text[run] != '\0' && strchr("-._~", text[run]) != NULL))
			run++;
		sbuf_put(buf, text, run);
		text += run;
		if (*text != '\0') {
			hex_put_byte((uint8_t)*text++, hex_upper, escape + 1);
			sbuf_put(buf, escape, sizeof(escape));
		}
	}
}

/* One character: *used input bytes make one byte; -1 for a bad escape. */
static int
decode_char(const char *text, size_t length, bool form, size_t *used)
{
	*used = 1;
	if (*text == '+' && form)
		return ' ';
	if (*text != '%')
		return (unsigned char)*text;
	*used = 3;
	return length < 3 ? -1 : hex_read_byte(text + 1);
}

bool
url_decode_into(const char *text, size_t length, bool form, char *out, size_t *out_length)
{
	size_t used;

	*out_length = 0;
	for (; length > 0; text += used, length -= used) {
		int c = decode_char(text, length, form, &used);

		if (c <= 0)
			return false;
		out[(*out_length)++] = (char)c;
	}
	out[*out_length] = '\0';
	return true;
}

char *
url_decode(struct arena *arena, const char *text, size_t length)
{
	char *out = arena_alloc(arena, length + 1);
	size_t out_length;

	return out != NULL && url_decode_into(text, length, false, out, &out_length) ? out : NULL;
}

/* Printable ASCII without what URL readers disagree about; the length must be checked too. */
static bool
is_plain_url(const char *text)
{
	size_t length = strnlen(text, URL_MAX + 1);

	if (length > URL_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] <= 0x20 || text[i] >= 0x7f || text[i] == '\\' || text[i] == '#')
			return false;
	}
	return true;
}

static enum sw_err
err_of_curl(CURLUcode code)
{
	if (code == CURLUE_OK)
		return SW_OK;
	return code == CURLUE_OUT_OF_MEMORY ? SW_ENOMEM : SW_EINPUT;
}

/* A part of the URL as libcurl reads it.  SW_EINPUT: it has none, or it does not fit. */
static enum sw_err
get_part(CURLU *url, CURLUPart what, char *out, size_t size)
{
	char *text = NULL;
	enum sw_err err = err_of_curl(curl_url_get(url, what, &text, CURLU_DEFAULT_PORT));

	if (err == SW_OK && strlen(text) >= size)
		err = SW_EINPUT;
	if (err == SW_OK)
		memcpy(out, text, strlen(text) + 1);
	curl_free(text);
	return err;
}

/*
 * "host", "host:port" or "[v6]:port", with host and port as libcurl reads them?  It also takes
 * escapes, zones, short and hexadecimal addresses and padded ports, which others read differently.
 */
static bool
authority_is_plain(const char *text, size_t length, const char *host, const char *port)
{
	const char *bracket = text[0] == '[' ? memchr(text, ']', length) : NULL;
	size_t host_length = bracket != NULL ? (size_t)(bracket - text) + 1 : strlen(host);

	if (length < host_length || memchr(text, '%', length) != NULL)
		return false;
	if (bracket == NULL && strncasecmp(text, host, host_length) != 0)
		return false;
	text += host_length;
	length -= host_length;
	return length == 0 || (text[0] == ':' && length == strlen(port) + 1 &&
				  memcmp(text + 1, port, length - 1) == 0);
}

/* In its canonical text and without brackets, so that all ways to write one address are equal. */
static bool
put_ipv6_host(char *host, struct url_parts *out)
{
	char *end = strchr(host, ']');
	struct in6_addr address;

	if (end == NULL)
		return false;
	*end = '\0';
	return inet_pton(AF_INET6, host + 1, &address) == 1 &&
	       inet_ntop(AF_INET6, &address, out->host, sizeof(out->host)) != NULL;
}

static bool
is_label(const char *text, size_t length)
{
	if (length == 0 || length > LABEL_MAX || text[0] == '-' || text[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!ascii_is_alnum(text[i]) && text[i] != '-' && text[i] != '_')
			return false;
	}
	return true;
}

/*
 * "127.1", "0x7f.0.0.1" and "2130706433" are addresses to getaddrinfo(): a
 * host whose last label is a number must be a plain dotted quad.
 */
static bool
is_number_label(const char *label)
{
	bool hex = label[0] == '0' && label[1] == 'x';

	return label[strspn(label, "0123456789")] == '\0' ||
	       (hex && label[2 + strspn(label + 2, "0123456789abcdef")] == '\0');
}

/* A host name in lower case, or a dotted IPv4 address. */
static bool
put_named_host(const char *host, struct url_parts *out)
{
	const char *label;
	struct in_addr address;
	size_t length = strlen(host);

	if (length > HOST_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		out->host[i] = ascii_lower(host[i]);
	for (label = out->host;; label++) {
		size_t span = strcspn(label, ".");

		if (!is_label(label, span))
			return false;
		if (label[span] == '\0')
			break;
		label += span;
	}
	return !is_number_label(label) || inet_pton(AF_INET, out->host, &address) == 1;
}

/* What libcurl read, as far as no other reader can take it for something else. */
static enum sw_err
take_parts(CURLU *url, const char *text, struct url_parts *out)
{
	char host[sizeof(out->host)], port[6];
	const char *authority;
	size_t length;
	int64_t number;
	enum sw_err err = get_part(url, CURLUPART_SCHEME, out->scheme, sizeof(out->scheme));

	if (err == SW_OK)
		err = get_part(url, CURLUPART_HOST, host, sizeof(host));
	if (err == SW_OK)
		err = get_part(url, CURLUPART_PORT, port, sizeof(port));
	if (err != SW_OK)
		return err;
	authority = strstr(text, "://");
	if (strncmp(out->scheme, "http", 4) != 0 || authority == NULL ||
	    authority != text + strlen(out->scheme))
		return SW_EINPUT;
	authority += 3;
	length = strcspn(authority, "/?");
	if (!authority_is_plain(authority, length, host, port) ||
	    number_parse_text(port, 1, 65535, &number) != SW_OK)
		return SW_EINPUT;
	out->port = (int)number;
	out->path = authority + length;
	return (host[0] == '[' ? put_ipv6_host(host, out) : put_named_host(host, out)) ? SW_OK
										       : SW_EINPUT;
}

enum sw_err
url_split(const char *text, struct url_parts *out)
{
	enum sw_err err;
	CURLU *url;

	memset(out, 0, sizeof(*out));
	if (text == NULL || !is_plain_url(text))
		return SW_EINPUT;
	url = curl_url();
	if (url == NULL)
		return SW_ENOMEM;
	err = err_of_curl(curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER));
	if (err == SW_OK)
		err = take_parts(url, text, out);
	curl_url_cleanup(url);
	if (err != SW_OK)
		memset(out, 0, sizeof(*out));
	return err;
}

bool
url_same_origin(const struct url_parts *a, const struct url_parts *b)
{
	return strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0 &&
	       a->port == b->port;
}

bool
url_is_loopback(const struct url_parts *parts)
{
	struct in_addr address;

	if (inet_pton(AF_INET, parts->host, &address) == 1)
		return ntohl(address.s_addr) >> 24 == 127;
	return strcmp(parts->host, "::1") == 0 || strcmp(parts->host, "localhost") == 0;
}

bool
url_id_is_valid(const char *text)
{
	size_t length = 0;

	if (text == NULL || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	for (; text[length] != '\0'; length++) {
		if (length == URL_ID_MAX ||
		    (!ascii_is_alnum(text[length]) && strchr("._-", text[length]) == NULL))
			return false;
	}
	return length > 0;
}
