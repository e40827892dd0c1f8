// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration file, ternd.conf(5): "key = value" lines. Strict: what is
 * not understood is an error that names file and line, for a daemon that half
 * understood who its peers are would be worse than none.
 *
 * Owns nothing, holds no locks, never looks a name up.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev.h"
#include "host.h"
#include "net.h"
#include "pod.h"

#define LINE_MAX_LEN	1024
#ifndef TERN_SHELL
#define TERN_SHELL	"/usr/local/lib/tern/tern-shell"
#endif

struct parser {
	struct tern_host *host;
	const char *path;
	unsigned int line;
	unsigned int given;
	struct tern_why *why;
};

#define fail(p, fmt, ...) \
	tern_why_set((p)->why, -EINVAL, "%s:%u: " fmt, (p)->path, (p)->line, ##__VA_ARGS__)

static char *trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return s;
}

static int set_name(struct parser *p, char *to, const char *name)
{
	const char *c;

	if (!*name || strlen(name) >= TERN_HOST_LEN)
		return fail(p, "a host's name has 1 to %d characters", TERN_HOST_LEN - 1);
	for (c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return fail(p, "\"%.64s\" is no host name: use letters, digits, '.', '_' and '-'",
				    name);
	strcpy(to, name);
	return 0;
}

static int set_port(struct parser *p, unsigned int *port, const char *text)
{
	unsigned long value;
	char *end;

	value = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || !value || value > 65535)
		return fail(p, "\"%.32s\" is no port: use 1 to 65535", text);
	*port = value;
	return 0;
}

/* ADDR, ADDR:PORT, [ADDR6] or [ADDR6]:PORT; a bare IPv6 address has no port */
static int set_addr(struct parser *p, char *addr, size_t size, unsigned int *port,
		    char *text)
{
	unsigned char bin[16];
	char *sep = NULL;

	*port = TERN_WIRE_PORT;
	if (*text == '[') {
		text++;
		sep = strchr(text, ']');
		if (!sep || (sep[1] && sep[1] != ':'))
			return fail(p, "write an IPv6 address with a port as [ADDRESS]:PORT");
		*sep++ = '\0';
		if (!*sep)
			sep = NULL;
	} else if (strchr(text, ':') == strrchr(text, ':')) {
		sep = strchr(text, ':');
	}
	if (sep) {
		*sep = '\0';
		if (set_port(p, port, sep + 1))
			return -EINVAL;
	}
	if (inet_pton(AF_INET, text, bin) != 1 && inet_pton(AF_INET6, text, bin) != 1)
		return fail(p, "\"%.64s\" is no numeric address: use one like 10.0.0.1 or [fd00::1]:%u",
			    text, TERN_WIRE_PORT);
	if (strlen(text) >= size)
		return fail(p, "the address is too long");
	strcpy(addr, text);
	return 0;
}

/**
 * tern_host_peer() - find a peer by its name
 * @host: this host
 * @name: as operators call it
 */
const struct tern_peer *tern_host_peer(const struct tern_host *host, const char *name)
{
	unsigned int i;

	for (i = 0; i < host->nr_peers; i++)
		if (!strcmp(host->peers[i].name, name))
			return &host->peers[i];
	return NULL;
}

static int key_name(struct parser *p, char *value)
{
	return set_name(p, p->host->name, value);
}

static int key_listen(struct parser *p, char *value)
{
	return set_addr(p, p->host->listen, sizeof(p->host->listen), &p->host->port, value);
}

static int key_peer(struct parser *p, char *value)
{
	struct tern_peer *peer;
	char *addr = value;

	while (*addr && !isspace((unsigned char)*addr))
		addr++;
	if (!*addr)
		return fail(p, "a peer has a name and an address: peer = NAME ADDRESS[:PORT]");
	*addr++ = '\0';
	addr = trim(addr);
	if (p->host->nr_peers == TERN_HOSTS_MAX)
		return fail(p, "more than %d peers", TERN_HOSTS_MAX);
	if (tern_host_peer(p->host, value))
		return fail(p, "peer \"%.64s\" is given twice", value);
	peer = &p->host->peers[p->host->nr_peers];
	if (set_name(p, peer->name, value) ||
	    set_addr(p, peer->addr, sizeof(peer->addr), &peer->port, addr))
		return -EINVAL;
	p->host->nr_peers++;
	return 0;
}

static int set_path(struct parser *p, const char *key, char *to, size_t size, const char *value)
{
	if (*value != '/' || strlen(value) >= size)
		return fail(p, "\"%s\" wants an absolute path of less than %zu characters", key,
			    size);
	strcpy(to, value);
	return 0;
}

static int key_shell(struct parser *p, char *value)
{
	return set_path(p, "shell", p->host->shell, sizeof(p->host->shell), value);
}

static int key_cgroup(struct parser *p, char *value)
{
	return set_path(p, "cgroup", p->host->cgroup, sizeof(p->host->cgroup), value);
}

static int key_bridge(struct parser *p, char *value)
{
	if (!tern_net_name_valid(value))
		return fail(p, "\"%.64s\" is no name of a network interface", value);
	strcpy(p->host->bridge, value);
	return 0;
}

static int key_pack(struct parser *p, char *value)
{
	static const char *const words[] = {
		[TERN_PACK_AUTO] = "auto",
		[TERN_PACK_ALWAYS] = "always",
		[TERN_PACK_NEVER] = "never",
	};
	unsigned int i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(value, words[i]))
			continue;
		p->host->pack = i;
		return 0;
	}
	return fail(p, "\"pack\" is auto, always or never, and not \"%.64s\"", value);
}

static int key_first(struct parser *p, char *value)
{
	unsigned long n;
	char *end;

	if (!strcmp(value, "none")) {
		p->host->first = TERN_FIRST_NONE;
		return 0;
	}
	n = strtoul(value, &end, 10);
	if (!isdigit((unsigned char)*value) || *end || n > TERN_FIRST_MOST)
		return fail(p, "\"first\" is none, or how many instructions to decode, up to %d, and not \"%.64s\"",
			    TERN_FIRST_MOST, value);
	p->host->first = n;
	return 0;
}

static int key_recent(struct parser *p, char *value)
{
	p->host->recent = !strcmp(value, "yes");
	if (p->host->recent || !strcmp(value, "no"))
		return 0;
	return fail(p, "\"recent\" is yes or no, and not \"%.64s\"", value);
}

static const struct {
	const char *key;
	int (*set)(struct parser *p, char *value);
	bool many;	/* may be given more than once */
} keys[] = {
	{ "name", key_name, false },
	{ "listen", key_listen, false },
	{ "peer", key_peer, true },
	{ "shell", key_shell, false },
	{ "cgroup", key_cgroup, false },
	{ "bridge", key_bridge, false },
	{ "pack", key_pack, false },
	{ "first", key_first, false },
	{ "recent", key_recent, false },
};

static int parse_line(struct parser *p, char *line)
{
	char *eq, *key;
	unsigned int i;

	key = trim(line);
	if (!*key || *key == '#')
		return 0;
	eq = strchr(key, '=');
	if (!eq)
		return fail(p, "this is not \"key = value\"");
	*eq = '\0';
	key = trim(key);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(key, keys[i].key))
			continue;
		if (p->given & 1U << i && !keys[i].many)
			return fail(p, "\"%s\" is given twice", key);
		p->given |= 1U << i;
		return keys[i].set(p, trim(eq + 1));
	}
	return fail(p, "unknown key \"%.64s\"; known are name, listen, peer, shell, cgroup, bridge, pack, first and recent", key);
}

static int finish(struct parser *p)
{
	struct tern_host *host = p->host;
	unsigned int i;

	if (!host->name[0] && gethostname(host->name, sizeof(host->name) - 1))
		return tern_why_set(p->why, -errno, "%s: give this host a \"name\"", p->path);
	if (!host->listen[0])
		return tern_why_set(p->why, -EINVAL,
				    "%s: \"listen\" is missing: name the address to listen on",
				    p->path);
	if (!host->shell[0])
		strcpy(host->shell, TERN_SHELL);
	if (!host->cgroup[0])
		strcpy(host->cgroup, TERN_PODS);
	for (i = 0; i < host->nr_peers; i++)
		if (!strcmp(host->peers[i].name, host->name))
			return tern_why_set(p->why, -EINVAL,
					    "%s: peer \"%s\" has this host's own name",
					    p->path, host->name);
	return 0;
}

/**
 * tern_config_read() - fill a host from its configuration
 * @host: zeroed, then filled but for its HELLO
 * @file: open for reading
 * @path: its name, for errors
 * @why: what is wrong, with the line's number
 */
int tern_config_read(struct tern_host *host, FILE *file, const char *path,
		     struct tern_why *why)
{
	struct parser p = { .host = host, .path = path, .why = why };
	char line[LINE_MAX_LEN];

	memset(host, 0, sizeof(*host));
	host->first = TERN_FIRST_USUAL;
	host->recent = true;
	while (fgets(line, sizeof(line), file)) {
		size_t len = strlen(line);
		int rc;

		p.line++;
		if (!len || (line[len - 1] != '\n' && !feof(file)))
			return fail(&p, "the line is too long, or holds a NUL");
		rc = parse_line(&p, line);
		if (rc)
			return rc;
	}
	if (ferror(file))
		return tern_why_set(why, -EIO, "%s: cannot be read", path);
	return finish(&p);
}

/**
 * tern_config_load() - fill a host from a configuration file
 * @host: zeroed, then filled but for its HELLO
 * @path: of the file
 * @why: what is wrong
 */
int tern_config_load(struct tern_host *host, const char *path, struct tern_why *why)
{
	FILE *file = fopen(path, "re");
	int rc;

	if (!file) {
		rc = -errno;
		return tern_why_set(why, rc, "%s: %s; ternd.conf(5) tells what to write there",
				    path, strerror(-rc));
	}
	rc = tern_config_read(host, file, path, why);
	fclose(file);
	return rc;
}
