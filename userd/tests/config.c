// SPDX-License-Identifier: GPL-2.0
/* ternd.conf: what is accepted, and where errors are said to be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev.h"
#include "host.h"
#include "test.h"

static struct tern_host host;
static struct tern_why why;

static int parse(const char *text)
{
	FILE *f = fmemopen((void *)text, strlen(text), "r");
	int rc;

	why.text[0] = '\0';
	rc = tern_config_read(&host, f, "t.conf", &why);
	fclose(f);
	return rc;
}

static void good(void)
{
	CHECK(!parse("# comment\n\n name = a\nlisten = 10.0.0.1\n"
		     "peer = b 10.0.0.2:99\npeer= c\t[fd00::3]:7\npeer =d fd00::4\n"
		     "shell = /bin/true\nbridge = br0\npack = always\nfirst = 8\nrecent = no"));
	CHECK(!strcmp(host.name, "a"));
	CHECK(!strcmp(host.listen, "10.0.0.1") && host.port == TERN_WIRE_PORT);
	CHECK(host.nr_peers == 3);
	CHECK(!strcmp(host.peers[0].addr, "10.0.0.2") && host.peers[0].port == 99);
	CHECK(!strcmp(host.peers[1].addr, "fd00::3") && host.peers[1].port == 7);
	CHECK(!strcmp(host.peers[2].addr, "fd00::4") && host.peers[2].port == TERN_WIRE_PORT);
	CHECK(!strcmp(host.shell, "/bin/true"));
	CHECK(host.pack == TERN_PACK_ALWAYS);
	CHECK(!strcmp(host.bridge, "br0"));
	CHECK(host.first == 8 && !host.recent);
	CHECK(tern_host_peer(&host, "c") == &host.peers[1]);
	CHECK(!tern_host_peer(&host, "x"));
	CHECK(!parse("listen = [::1]:80\n") && host.port == 80 && host.name[0]);
	CHECK(host.pack == TERN_PACK_AUTO && !host.bridge[0]);
	CHECK(host.first == TERN_FIRST_USUAL && host.recent);
	CHECK(!parse("listen = ::1\npack = never\n") && host.pack == TERN_PACK_NEVER);
	CHECK(!parse("listen = ::1\nfirst = none\n") && host.first == TERN_FIRST_NONE);
	CHECK(!parse("listen = ::1\nfirst = 0\nrecent = yes\n") && !host.first && host.recent);
}

static void bad(void)
{
	static const struct {
		const char *text, *where;
	} cases[] = {
		{ "listen = 1.2.3.4\nnonsense\n", "t.conf:2: this is not" },
		{ "\n\ncolour = red\n", "t.conf:3: unknown key" },
		{ "listen = 1.2.3\n", "t.conf:1: \"1.2.3\" is no numeric" },
		{ "listen = localhost\n", "t.conf:1: " },
		{ "listen = 1.2.3.4:0\n", "t.conf:1: \"0\" is no port" },
		{ "listen = 1.2.3.4:65536\n", "t.conf:1: " },
		{ "listen = 1.2.3.4:-1\n", "t.conf:1: " },
		{ "listen = 1.2.3.4:\n", "t.conf:1: \"\" is no port" },
		{ "listen = [::1\n", "t.conf:1: write an IPv6" },
		{ "listen = [::1]x\n", "t.conf:1: write an IPv6" },
		{ "listen =\n", "t.conf:1: " },
		{ "listen = 1.2.3.4\nlisten = 1.2.3.4\n", "t.conf:2: \"listen\" is given twice" },
		{ "name = a\nname = b\n", "t.conf:2: \"name\" is given twice" },
		{ "name = a b\n", "t.conf:1: \"a b\" is no host name" },
		{ "name =\n", "t.conf:1: a host's name" },
		{ "peer = b\n", "t.conf:1: a peer has a name" },
		{ "peer = b 1.1.1.1\npeer = b 1.1.1.2\n", "t.conf:2: peer \"b\" is given twice" },
		{ "shell = true\n", "t.conf:1: \"shell\" wants" },
		{ "bridge = a/b\n", "t.conf:1: \"a/b\" is no name of a network" },
		{ "bridge =\n", "t.conf:1: \"\" is no name of a network" },
		{ "bridge = br0\nbridge = br1\n", "t.conf:2: \"bridge\" is given twice" },
		{ "pack = yes\n", "t.conf:1: \"pack\" is auto, always or never" },
		{ "pack =\n", "t.conf:1: \"pack\" is auto" },
		{ "pack = auto\npack = auto\n", "t.conf:2: \"pack\" is given twice" },
		{ "first = all\n", "t.conf:1: \"first\" is none, or" },
		{ "first = -1\n", "t.conf:1: \"first\" is none, or" },
		{ "first = 4097\n", "t.conf:1: \"first\" is none, or" },
		{ "first = 1\nfirst = 1\n", "t.conf:2: \"first\" is given twice" },
		{ "recent = maybe\n", "t.conf:1: \"recent\" is yes or no" },
		{ "recent = no\nrecent = no\n", "t.conf:2: \"recent\" is given twice" },
		{ "name = a\n", "t.conf: \"listen\" is missing" },
		{ "name = a\nlisten = ::1\npeer = a ::2\n", "t.conf: peer \"a\" has this host's own" },
		{ "", "t.conf: \"listen\" is missing" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(parse(cases[i].text) == -EINVAL);
		CHECK(!strncmp(why.text, cases[i].where, strlen(cases[i].where)));
	}
}

static void long_lines(void)
{
	char *text = malloc(3000);

	memset(text, 'x', 2999);
	text[2999] = '\0';
	CHECK(parse(text) == -EINVAL);
	memcpy(text, "name = ", 7);
	text[600] = '\0';
	CHECK(parse(text) == -EINVAL);
	memcpy(text, "listen = ", 9);
	CHECK(parse(text) == -EINVAL);
	free(text);
}

int main(void)
{
	good();
	bad();
	long_lines();
	return done();
}
