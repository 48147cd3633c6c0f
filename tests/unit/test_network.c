/*
 * network.h: which addresses count as one client.
 */
#include "unit.h"

#include "formats/network.h"

static void
check_networks(void **state)
{
	static const struct {
		const char *address, *network;
	} cases[] = {
	    {"192.0.2.7", "192.0.2.0/24"},
	    {"192.0.2.255", "192.0.2.0/24"},
	    {"192.0.3.7", "192.0.3.0/24"},
	    {"::ffff:192.0.2.7", "192.0.2.0/24"},
	    {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
	    {"2001:db8:1:2::", "2001:db8:1:2::/64"},
	    {"::1", "::/64"},
	    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff::/64"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char network[NETWORK_MAX] = "?";

		network_of_address(cases[i].address, network);
		assert_string_equal(network, cases[i].network);
	}
}

static void
check_no_address(void **state)
{
	static const char *const none[] = {
	    NULL, "", "unix:", "192.0.2", "192.0.2.256", "a name", "fe80::1%eth0", "192.0.2.7 "};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(none); i++) {
		char network[NETWORK_MAX] = "?";

		network_of_address(none[i], network);
		assert_string_equal(network, "");
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    SAYS("addresses of one customer are one network", check_networks),
	    SAYS("what is no address has no network", check_no_address),
	};

	return RUN_TESTS(tests);
}
