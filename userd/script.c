// SPDX-License-Identifier: GPL-2.0
/*
 * The writer of scripts: steps from one side of the area, the data that they
 * point to from the middle on. Owns the offsets, nothing else; one thread
 * writes. What does not fit sets a flag that tern_script_end() reports, so that
 * the writers of steps need not look at every return value.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "script.h"

/**
 * tern_script_init() - start with an empty area
 * @s: the writer
 * @mem: the area, mapped here, all zero
 * @base: its address in the shell
 * @size: its size
 * @nr_threads: leader included
 */
void tern_script_init(struct tern_script *s, void *mem, __u64 base, __u64 size,
		      unsigned int nr_threads)
{
	struct shell_area *area = (void *)((char *)mem + SHELL_HEAD);
	size_t first = SHELL_THREADS + (nr_threads - 1) * SHELL_PAGE;

	memset(s, 0, sizeof(*s));
	s->mem = mem;
	s->base = base;
	s->size = size;
	s->nr_threads = nr_threads;
	s->ops = first < size ? first : size;
	s->ops_end = s->ops + (size - s->ops) / 2 / 64 * 64;
	s->data = s->ops_end;
	area->magic = SHELL_MAGIC;
	area->base = base;
	area->size = size;
}

/**
 * tern_script_op() - one step
 * @s: the writer
 * @what: constant sentence: what could not be done when it fails
 * @nr: system call or SHELL_OP_*
 * @args: arguments
 *
 * Return: the step, for further settings.
 */
struct shell_op *tern_script_op(struct tern_script *s, const char *what,
				unsigned int nr, const __u64 args[6])
{
	struct shell_op *op = &s->spill;

	if (s->ops + sizeof(*op) <= s->ops_end) {
		op = (void *)(s->mem + s->ops);
		s->ops += sizeof(*op);
	} else {
		s->full = true;
	}
	memset(op, 0, sizeof(*op));
	op->nr = nr;
	op->out = SHELL_SLOT_NONE;
	memcpy(op->args, args, sizeof(op->args));
	op->note = (unsigned long)what;
	return op;
}

/**
 * tern_script_data() - copy @data into the area
 * @s: the writer
 * @data: bytes; NULL: zeros
 * @len: how many
 *
 * Return: its address in the shell, aligned to 8.
 */
__u64 tern_script_data(struct tern_script *s, const void *data, size_t len)
{
	size_t at = s->data;

	if (len > s->size - at || at + len > s->size - 8) {
		s->full = true;
		return s->base + SHELL_HEAD;
	}
	if (data && len)
		memcpy(s->mem + at, data, len);
	s->data = (at + len + 7) & ~(size_t)7;
	return s->base + at;
}

/**
 * tern_script_write() - steps that write to a file of /proc
 * @s: the writer
 * @path: of the file
 * @data: what to write, in one call
 * @len: bytes
 */
void tern_script_write(struct tern_script *s, const char *path, const void *data, size_t len)
{
	SCRIPT(s, "the process could not open", SYS_openat, AT_FDCWD,
	       tern_script_data(s, path, strlen(path) + 1), O_WRONLY | O_CLOEXEC)->out =
		SHELL_SLOT_FREE;
	SCRIPT(s, "what belongs to the process could not be written to /proc", SYS_write,
	       SHELL_SLOT_FREE, tern_script_data(s, data, len), len)->slots = 1 << 0;
	SCRIPT(s, NULL, SYS_close, SHELL_SLOT_FREE)->slots = 1 << 0;
}

/** tern_script_slot() - address of a slot in the shell */
__u64 tern_script_slot(const struct tern_script *s, unsigned int slot)
{
	return s->base + SHELL_HEAD + offsetof(struct shell_area, slots) + slot * sizeof(__s32);
}

/** tern_script_value() - what a slot holds now */
__s32 tern_script_value(const struct tern_script *s, unsigned int slot)
{
	const struct shell_area *area = (const void *)(s->mem + SHELL_HEAD);

	return area->slots[slot];
}

/** tern_script_thread() - thread @n of the shell, from 1; 0 is the leader, who has none */
struct shell_thread *tern_script_thread(const struct tern_script *s, unsigned int n)
{
	return (void *)(s->mem + SHELL_THREADS + (n - 1) * SHELL_PAGE);
}

/** tern_script_begin() - what follows is a script of its own */
void tern_script_begin(struct tern_script *s)
{
	s->begin = s->ops;
}

/**
 * tern_script_trim() - let go of the memory of scripts that have been run
 * @s: the writer; the script's only step is this
 *
 * What the shell has touched it must give back in the end, while everybody
 * waits. The pages stay the memfd's, and this step itself comes back at once.
 */
void tern_script_trim(struct tern_script *s)
{
	size_t first = SHELL_THREADS + (s->nr_threads - 1) * SHELL_PAGE;

	tern_script_begin(s);
	SCRIPT(s, NULL, SYS_madvise, s->base + first, s->size - first, MADV_DONTNEED);
}

/**
 * tern_script_end() - the script is complete
 * @s: the writer
 * @run: filled for the shell
 * @why: sentence
 *
 * Return: 0, or -ENOSPC when it, or one before, did not fit.
 */
int tern_script_end(struct tern_script *s, struct shell_run *run, struct tern_why *why)
{
	if (s->full)
		return tern_why_set(why, -ENOSPC,
				    "the process has too little free address space below its mappings for its %llu bytes of start-up script",
				    (unsigned long long)(s->ops + s->data - s->ops_end));
	run->ops = s->base + s->begin;
	run->nr = (s->ops - s->begin) / sizeof(struct shell_op);
	run->reserved = 0;
	return 0;
}

/* A string of the area, or NULL: the shell could have changed the step. */
static const char *area_string(const struct tern_script *s, __u64 addr)
{
	size_t at = addr - s->base;

	if (addr < s->base || at >= s->size || !memchr(s->mem + at, 0, s->size - at))
		return NULL;
	return s->mem + at;
}

/* Likewise @len bytes of it. */
static const void *area_at(const struct tern_script *s, __u64 addr, size_t len)
{
	return addr < s->base || addr - s->base > s->size || len > s->size - (addr - s->base) ?
	       NULL : s->mem + (addr - s->base);
}

/*
 * What another process of the tree was to have is not there: the drafts of the two are of
 * different moments. That cannot be once all of them stand.
 */
static bool has_changed(const struct tern_script *s, const struct shell_op *op, int err)
{
	const char *path;

	/* that of a socket which another shell of the tree has taken from this one before */
	if (op->nr == SYS_bind && s->again)
		return err == -EADDRINUSE;
	if (op->nr == SYS_pidfd_getfd)
		return err == -EBADF;
	path = op->nr == SYS_openat ? area_string(s, op->args[1]) : NULL;
	return path && err == -ENOENT && !strncmp(path, "/proc/", 6);
}

/* Where a socket should be, or whom it should send to; of a unix socket its maker has said it. */
static int address_failed(const struct tern_script *s, const struct shell_op *op,
			  const char *host, int err, const char *what, struct tern_why *why)
{
	const struct sockaddr_in6 *in6 = area_at(s, op->args[1], sizeof(*in6));
	const struct sockaddr_in *in = area_at(s, op->args[1], sizeof(*in));
	char text[INET6_ADDRSTRLEN];
	bool ok = false;

	if (in6 && in6->sin6_family == AF_INET6)
		ok = inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
	else if (in && in->sin_family == AF_INET)
		ok = inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
	if (!ok)
		return tern_why_set(why, err, "%s on %s: %s", what, host, strerror(-err));
	if (err == -EADDRINUSE)
		return tern_why_set(why, err,
				    "%s: address %s port %u is taken on %s: end what has it there, or move that away; after connections it is free in a minute",
				    what, text, ntohs(in->sin_port), host);
	if (err == -EADDRNOTAVAIL)
		return tern_why_set(why, err,
				    "%s: %s has no address %s: give it that, or let the program use any (0.0.0.0, ::)",
				    what, host, text);
	return tern_why_set(why, err, "%s to address %s port %u on %s: %s", what, text,
			    ntohs(in->sin_port), host, strerror(-err));
}

/**
 * tern_script_explain() - the sentence for a step that failed
 * @s: the writer
 * @reply: what the shell said
 * @host: this host's name
 * @why: receives it
 *
 * Return: the error.
 */
int tern_script_explain(const struct tern_script *s, const struct shell_reply *reply,
			const char *host, struct tern_why *why)
{
	size_t at = reply->op - s->base;
	int err = reply->err < 0 && reply->err >= -4095 ? reply->err : -EPROTO;
	const struct shell_op *op;
	const char *path, *what;

	if (reply->op < s->base || at % 8 || at > s->ops || s->ops - at < sizeof(*op))
		return tern_why_set(why, err, "the shell failed on %s: %s", host, strerror(-err));
	op = (const void *)(s->mem + at);
	what = op->note ? (const char *)(unsigned long)op->note : "the shell failed";
	if (has_changed(s, op, err))
		return tern_why_set(why, -EAGAIN, TERN_SCRIPT_CHANGED);
	switch (op->nr) {
	case SYS_openat:
	case SYS_inotify_add_watch:
		path = area_string(s, op->args[1]);
		return tern_why_set(why, err, "%s %s on %s: %s", what, path ? path : "?", host,
				    strerror(-err));
	case SYS_bind:
	case SYS_connect:
		return address_failed(s, op, host, err, what, why);
	case SYS_chdir:
		path = area_string(s, op->args[0]);
		return tern_why_set(why, err, "%s %s on %s: %s", what, path ? path : "?", host,
				    strerror(-err));
	case SHELL_OP_THREAD:
		if (err == -EEXIST)
			return tern_why_set(why, err,
					    "thread id %d is taken on %s: end what has it, or wait",
					    (int)op->args[5], host);
		return tern_why_set(why, err, "thread %d could not be made on %s: %s",
				    (int)op->args[5], host, strerror(-err));
	case SHELL_OP_RESULT:
		return err;
	case SYS_mmap:
	case SYS_madvise:
		return tern_why_set(why, err, "%s %llx-%llx on %s: %s", what,
				    (unsigned long long)op->args[0],
				    (unsigned long long)(op->args[0] + op->args[1]), host,
				    strerror(-err));
	default:
		return tern_why_set(why, err, "%s on %s: %s", what, host, strerror(-err));
	}
}
