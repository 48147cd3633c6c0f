/*
 * Networks of addresses.
 */
#include "formats/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static void
put_network(int family, const void *network, int bits, char out[static NETWORK_MAX])
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(family, network, text, sizeof(text)) != NULL)
		snprintf(out, NETWORK_MAX, "%s/%d", text, bits);
}

void
network_of_address(const char *address, char out[static NETWORK_MAX])
{
	static const unsigned char v4_in_v6[12] = {[10] = 0xff, [11] = 0xff};
	unsigned char bytes[16];

	out[0] = '\0';
	if (address == NULL)
		return;
	if (inet_pton(AF_INET6, address, bytes) == 1) {
		if (memcmp(bytes, v4_in_v6, sizeof(v4_in_v6)) != 0) {
			memset(bytes + 8, 0, 8);
			put_network(AF_INET6, bytes, 64, out);
			return;
		}
		memmove(bytes, bytes + 12, 4);
	} else if (inet_pton(AF_INET, address, bytes) != 1) {
		return;
	}
	bytes[3] = 0;
	put_network(AF_INET, bytes, 24, out);
}
