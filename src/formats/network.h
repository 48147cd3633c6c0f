#ifndef SWITCHBOARD_FORMATS_NETWORK_H
#define SWITCHBOARD_FORMATS_NETWORK_H

#define NETWORK_MAX 50 /* bytes with the NUL */

/*
 * The network that an address belongs to, as one client among others: with IPv4 a /24, with IPv6 a
 * /64, which is what one customer has ("192.0.2.0/24", "2001:db8::/64").  IPv4 within IPv6
 * (RFC 4291 2.5.5.2) is IPv4.  "" for NULL and for anything that is no address, as of a unix
 * socket.
 */
void network_of_address(const char *address, char out[static NETWORK_MAX]);

#endif
