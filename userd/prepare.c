// SPDX-License-Identifier: GPL-2.0
/*
 * Preparation: what the destination is told while the migrant still runs, so
 * that nothing has to be asked once it is parked.
 *
 * Owns a struct tern_prepared and the descriptors in it; no locks. Opens
 * nothing of the migrant but regular files, and changes nothing of it. What it
 * finds may be out of date at once: tern_prepared_covers() compares it with
 * the capture.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "files.h"
#include "net.h"
#include "pod.h"
#include "prepare.h"

#define FILES_MAX	65536U
#define FILE_MOVES	(1U << 31)	/* beside TERN_WIRE_FILE_*: it does not stay here */
#define READY_MS	120000	/* the destination may have large files to digest */

static size_t pad8(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

static int grow(void **list, unsigned int nr, size_t each)
{
	void *more;

	if (nr & (nr - 1))
		return 0;
	more = realloc(*list, (nr ? nr * 2 : 1) * each);
	if (!more)
		return -ENOMEM;
	*list = more;
	return 0;
}

/* ---- files: each once ---- */

static int compare_path(const void *a, const void *b)
{
	const struct tern_prepared_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void merge_files(struct tern_prepared *p)
{
	unsigned int i, to = 0;

	if (!p->nr_files)
		return;
	qsort(p->files, p->nr_files, sizeof(p->files[0]), compare_path);
	for (i = 1; i < p->nr_files; i++) {
		if (!strcmp(p->files[i].path, p->files[to].path)) {
			p->files[to].wire.flags |= p->files[i].wire.flags;
			free(p->files[i].path);
		} else {
			p->files[++to] = p->files[i];
		}
	}
	p->nr_files = to + 1;
}

static int add_file(struct tern_prepared *p, const char *path, unsigned int flags)
{
	struct tern_prepared_file *file;

	/* many are of a few paths */
	if (p->nr_files == FILES_MAX)
		merge_files(p);
	if (p->nr_files == FILES_MAX)
		return -E2BIG;
	if (grow((void **)&p->files, p->nr_files, sizeof(*file)))
		return -ENOMEM;
	file = &p->files[p->nr_files];
	memset(file, 0, sizeof(*file));
	file->wire.flags = flags;
	file->path = strdup(path);
	if (!file->path)
		return -ENOMEM;
	p->nr_files++;
	return 0;
}

/* What its path leads through: it can be made there, too. */
static int add_parents(struct tern_prepared *p, const char *path)
{
	char dir[PATH_MAX];
	const char *slash;
	int rc = 0;

	for (slash = strchr(path + 1, '/'); slash && !rc; slash = strchr(slash + 1, '/')) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		rc = add_file(p, dir, TERN_WIRE_FILE_OPEN);
	}
	return rc;
}

/* With all that it needs to be there. */
static int add_local(struct tern_prepared *p, const char *path, unsigned int flags,
		     unsigned int migration)
{
	int rc = add_file(p, path, flags);

	return !rc && migration & TERN_WITH_FILES ? add_parents(p, path) : rc;
}

/* ---- mappings: files and holes ---- */

/*
 * A file that the migrant may write to, by any of its names. One that has been closed since, or
 * that we cannot open (NFS may squash root), the kernel writes when it comes to that.
 */
static int add_dirty(struct tern_prepared *p, const char *path)
{
	int own;

	if (grow((void **)&p->dirty, p->nr_dirty, sizeof(*p->dirty)))
		return -ENOMEM;
	own = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (own < 0)
		own = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (own >= 0)
		p->dirty[p->nr_dirty++] = own;
	return 0;
}

struct maps {
	struct tern_prepared *p;
	unsigned int migration;
	struct tern_why *why;
	struct tern_holes holes;
	__u64 last_ino;
};

/* May it be written to, if it is not now? The mode of the link says how it was opened. */
static bool may_write(int pid, const struct tern_proc_map *map)
{
	struct stat link;
	char name[PROC_MAPPED_MAX];

	tern_proc_mapped(pid, map->start, map->end, name);
	return map->write || (map->shared && !lstat(name, &link) && link.st_mode & S_IWUSR);
}

/* The path must still name the file that is mapped. */
static bool is_mapped_file(int pid, const struct tern_proc_map *map)
{
	struct stat mapped, named;
	char name[PROC_MAPPED_MAX];

	tern_proc_mapped(pid, map->start, map->end, name);
	return !stat(name, &mapped) && S_ISREG(mapped.st_mode) &&
	       !stat(map->path, &named) && mapped.st_dev == named.st_dev &&
	       mapped.st_ino == named.st_ino;
}

static int see_map(void *arg, const struct tern_proc_map *map)
{
	struct maps *m = arg;
	bool anon = !map->ino && !map->special && map->write;
	int rc;

	m->p->nr_maps++;
	tern_holes_add(&m->holes, map->start, map->end,
		       anon || !strcmp(map->path, "[stack]"));
	/* private memory that may be written is sent page by page in any case */
	if (!map->ino || (map->write && !map->shared) || map->path[0] != '/')
		return 0;
	/* neighbours are mostly of one file */
	if (!map->write && !map->shared && m->p->nr_files &&
	    !strcmp(m->p->files[m->p->nr_files - 1].path, map->path))
		return 0;
	if (!is_mapped_file(m->p->pid, map))
		return 0;
	if (m->migration & TERN_WITH_FILES && may_write(m->p->pid, map) &&
	    !tern_file_is_shared(map->path)) {
		m->p->carried = true;
		return add_local(m->p, map->path, FILE_MOVES, m->migration);
	}
	if (!map->write)
		return add_file(m->p, map->path, TERN_WIRE_FILE_MAPPED);
	rc = add_dirty(m->p, map->path);
	return rc ? rc : add_file(m->p, map->path, TERN_WIRE_FILE_OPEN);
}

static int find_maps(struct tern_prepared *p, unsigned int flags, struct tern_why *why)
{
	struct maps m = { .p = p, .migration = flags, .why = why };
	int rc;

	rc = tern_proc_maps(p->pid, see_map, &m);
	if (rc)
		return tern_why_set(why, rc, "/proc/%d/maps: %s", p->pid, strerror(-rc));
	p->nr_holes = tern_holes_pick(&m.holes, p->holes, TERN_HOLES_MAX);
	if (!p->nr_holes)
		return tern_why_set(why, -ENOMEM,
				    "the process has no free megabyte of address space for the shell to work in");
	return 0;
}

/* ---- descriptors ---- */

/*
 * @at: a look at it. The check has let through what is written to on a file system that
 * both hosts share, and what becomes /dev/null.
 */
static int see_regular(struct tern_prepared *p, int fd, const char *path, int at,
		       unsigned int migration, struct tern_why *why)
{
	unsigned int flags = 0;
	char name[64];
	int rc, shared;

	rc = tern_proc_fd_flags(p->pid, fd, &flags);
	/* closed meanwhile, as in see_fd() */
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (flags & O_PATH || (flags & O_ACCMODE) == O_RDONLY)
		return add_local(p, path, TERN_WIRE_FILE_OPEN, migration);
	shared = tern_file_on_network(at);
	if (shared < 0)
		return tern_why_set(why, shared, "descriptor %d, %.128s: %s", fd, path,
				    strerror(-shared));
	if (!shared && migration & TERN_WITH_FILES) {
		p->carried = true;
		return add_local(p, path, FILE_MOVES, migration);
	}
	if (!shared && fd <= 2 && migration & TERN_STDIO_NULL) {
		p->null_stdio |= 1U << fd;
		return 0;
	}
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", p->pid, fd);
	rc = add_dirty(p, name);
	return rc ? rc : add_file(p, path, TERN_WIRE_FILE_OPEN);
}

static int see_fd(struct tern_prepared *p, int fd, unsigned int migration,
		  struct tern_why *why)
{
	struct stat open, named;
	char link[32], name[64], path[PATH_MAX];
	int at, rc;

	snprintf(link, sizeof(link), "fd/%d", fd);
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", p->pid, fd);
	/* a descriptor that has been closed meanwhile is none of ours */
	if (tern_proc_link(p->pid, link, path, sizeof(path)) || stat(name, &open))
		return 0;
	if (path[0] != '/' || !(S_ISREG(open.st_mode) || S_ISDIR(open.st_mode)))
		return 0;
	if (S_ISREG(open.st_mode) && !open.st_nlink) {
		p->carried = true;
		return 0;
	}
	at = tern_file_look(path, &named);
	if (at < 0 || named.st_dev != open.st_dev || named.st_ino != open.st_ino) {
		if (at >= 0)
			close(at);
		if (fd <= 2 && migration & TERN_STDIO_NULL) {
			p->null_stdio |= 1U << fd;
			return 0;
		}
		return tern_why_set(why, -EOPNOTSUPP,
				    "descriptor %d: the file has no name any more by which the other host could open it: %.128s",
				    fd, path);
	}
	rc = S_ISDIR(open.st_mode) ? add_local(p, path, TERN_WIRE_FILE_OPEN, migration) :
	     see_regular(p, fd, path, at, migration, why);
	close(at);
	return rc;
}

static int find_fds(struct tern_prepared *p, unsigned int flags, struct tern_why *why)
{
	unsigned int i, nr;
	__s32 *fds;
	int rc;

	rc = tern_proc_numbers(p->pid, "fd", &fds, &nr);
	if (rc)
		tern_why_set(why, rc, "/proc/%d/fd: %s", p->pid, strerror(-rc));
	else
		p->nr_fds = nr;
	for (i = 0; i < nr && !rc; i++)
		rc = see_fd(p, fds[i], flags, why);
	free(fds);
	return rc;
}

static int find_links(struct tern_prepared *p, unsigned int migration, struct tern_why *why)
{
	char path[PATH_MAX];
	int rc;

	rc = tern_proc_link(p->pid, "cwd", path, sizeof(path));
	if (!rc)
		rc = add_local(p, path, TERN_WIRE_FILE_OPEN, migration);
	if (!rc)
		rc = tern_proc_link(p->pid, "exe", path, sizeof(path));
	if (!rc)
		rc = add_file(p, path, TERN_WIRE_FILE_MAPPED);
	return rc ? tern_why_set(why, rc, "/proc/%d: %s", p->pid, strerror(-rc)) : 0;
}

/* ---- files: what they are ---- */

/* A file that is not there can be copied, if only contents matter; a directory made. */
static bool is_offered(const struct tern_wire_file *file, unsigned int migration)
{
	return migration & TERN_WITH_FILES && file->flags & TERN_WIRE_FILE_OPEN &&
	       !(file->flags & TERN_WIRE_FILE_SHARED);
}

static int describe_files(struct tern_prepared *p, unsigned int migration, struct tern_why *why)
{
	unsigned int i, to = 0;
	int rc = 0;

	for (i = 0; i < p->nr_files; i++) {
		struct tern_prepared_file *f = &p->files[i];
		unsigned int flags = f->wire.flags;
		int err;

		/* the destination makes it, whatever else the process does with it */
		if (flags & FILE_MOVES) {
			free(f->path);
			continue;
		}
		err = rc ? rc : tern_file_describe(f->path, flags, &f->wire, &f->was);
		if (!err) {
			if (is_offered(&f->wire, migration))
				f->wire.flags |= TERN_WIRE_FILE_OFFERED;
			p->files[to++] = *f;
			continue;
		}
		/* a mapping that cannot be proved to be the same is paged */
		if (!rc && flags & TERN_WIRE_FILE_OPEN && err == -ENOENT)
			rc = tern_why_set(why, -EAGAIN, "%.160s has been removed; try again", f->path);
		else if (!rc && flags & TERN_WIRE_FILE_OPEN)
			rc = tern_why_set(why, err, "%.160s is open but cannot be read: %s",
					  f->path, strerror(-err));
		free(f->path);
	}
	p->nr_files = to;
	return rc;
}

static int find_tids(struct tern_prepared *p, struct tern_why *why)
{
	unsigned int i;
	int rc;

	rc = tern_proc_numbers(p->pid, "task", &p->tids, &p->nr_tids);
	if (!rc && p->nr_tids > TERN_THREADS_MAX)
		return tern_why_set(why, -E2BIG, "the process has more than %d threads",
				    TERN_THREADS_MAX);
	for (i = 0; i < p->nr_tids && p->tids[i] != p->pid; i++)
		;
	if (!rc && i == p->nr_tids)
		rc = -ESRCH;
	if (rc)
		return tern_why_set(why, rc, "/proc/%d/task: %s", p->pid, strerror(-rc));
	memmove(&p->tids[1], &p->tids[0], i * sizeof(p->tids[0]));
	p->tids[0] = p->pid;
	p->own_tids = malloc(p->nr_tids * sizeof(*p->own_tids));
	if (!p->own_tids)
		return -ENOMEM;
	rc = tern_proc_own_tids(p->pid, p->tids, p->nr_tids, p->own_tids);
	if (rc == -ESRCH)
		return tern_why_set(why, rc, "process %d has ended", p->pid);
	return rc ? tern_why_set(why, rc, "a thread of process %d has ended; try again", p->pid) : 0;
}

/* Watched before it is looked at: what happens from then on counts. */
static int find_net(struct tern_prepared *p, struct tern_why *why)
{
	int rc;

	p->net = malloc(sizeof(*p->net));
	if (!p->net)
		return -ENOMEM;
	p->net_watch = tern_net_watch(p->pid);
	if (p->net_watch < 0)
		return tern_why_set(why, p->net_watch, "its network cannot be watched: %s",
				    strerror(-p->net_watch));
	rc = tern_net_look(p->pid, p->net, why);
	if (rc)
		return rc < 0 ? rc : 0;
	tern_prepared_unwatch(p);
	free(p->net);
	p->net = NULL;
	return 0;
}

/* Of a pod, which has names and numbers of its own. */
static int find_pod(struct tern_prepared *p, struct tern_why *why)
{
	int rc;

	/* the init of this host is not one */
	if (p->own_tids[0] != 1 || p->pid == 1)
		return 0;
	p->pod = malloc(TERN_POD_TEXT_MAX);
	if (!p->pod)
		return -ENOMEM;
	rc = tern_pod_look(p->pid, p->pod, why);
	if (!rc)
		rc = tern_pod_mounts(p->pid, why);
	return rc ? rc : find_net(p, why);
}

static int find_comm(struct tern_prepared *p, struct tern_why *why)
{
	char name[64];
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/comm", p->pid);
	f = fopen(name, "re");
	if (!f)
		return tern_why_set(why, -ESRCH, "process %d has ended", p->pid);
	if (fgets(p->comm, sizeof(p->comm), f))
		p->comm[strcspn(p->comm, "\n")] = '\0';
	fclose(f);
	return 0;
}

/**
 * tern_prepare() - look at a running process
 * @p: to be filled; tern_prepared_fini() it in any case
 * @pid: the process
 * @flags: of the migration
 * @why: what cannot move
 */
int tern_prepare(struct tern_prepared *p, int pid, unsigned int flags, struct tern_why *why)
{
	int rc;

	memset(p, 0, sizeof(*p));
	p->pid = pid;
	p->net_watch = -1;
	rc = find_comm(p, why);
	if (!rc)
		rc = find_tids(p, why);
	if (!rc)
		rc = find_pod(p, why);
	if (!rc)
		rc = find_maps(p, flags, why);
	if (!rc)
		rc = find_fds(p, flags, why);
	if (!rc)
		rc = find_links(p, flags, why);
	if (rc)
		return tern_why_set(why, rc, "process %d: %s", pid, strerror(-rc));
	merge_files(p);
	return describe_files(p, flags, why);
}

/**
 * tern_prepared_unwatch() - hold nothing of the pod's network any more, so that it may go
 * @p: filled
 */
void tern_prepared_unwatch(struct tern_prepared *p)
{
	if (p->net && p->net_watch >= 0)
		close(p->net_watch);
	p->net_watch = -1;
}

/**
 * tern_prepared_fini() - free what tern_prepare() has made
 * @p: zeroed, or filled, in part or in whole
 */
void tern_prepared_fini(struct tern_prepared *p)
{
	unsigned int i;

	for (i = 0; i < p->nr_files; i++)
		free(p->files[i].path);
	for (i = 0; i < p->nr_dirty; i++)
		close(p->dirty[i]);
	free(p->files);
	free(p->dirty);
	free(p->tids);
	free(p->own_tids);
	free(p->pod);
	tern_prepared_unwatch(p);
	free(p->net);
	memset(p, 0, sizeof(*p));
}

/* ---- on the wire ---- */

static __u64 now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static char *put_files(const struct tern_prepared *p, char *to)
{
	unsigned int i;

	for (i = 0; i < p->nr_files; i++) {
		struct tern_wire_file wire = p->files[i].wire;

		wire.path = strlen(p->files[i].path) + 1;
		memcpy(to, &wire, sizeof(wire));
		memcpy(to + sizeof(wire), p->files[i].path, wire.path);
		to += sizeof(wire) + pad8(wire.path);
	}
	return to;
}

static size_t payload_size(const struct tern_prepared *p)
{
	size_t size = sizeof(struct tern_wire_prepare);
	unsigned int i;

	size += pad8(p->nr_tids * sizeof(p->tids[0]));
	size += p->nr_holes * sizeof(p->holes[0]);
	for (i = 0; i < p->nr_files; i++)
		size += sizeof(struct tern_wire_file) + pad8(strlen(p->files[i].path) + 1);
	if (p->pod)
		size += pad8(strlen(p->pod) + 1);
	return size + (p->net ? sizeof(*p->net) : 0);
}

/**
 * tern_prepared_send() - send PREPARE
 * @p: what to tell
 * @link: lane 0
 * @dev: handle of /dev/tern, for the migrant's clocks
 * @oneway_ns: measured one-way time of the link
 */
int tern_prepared_send(struct tern_prepared *p, struct tern_link *link, int dev,
		       __u64 oneway_ns)
{
	size_t size = payload_size(p);
	struct tern_wire_prepare *head;
	char *buf, *to;
	int rc;

	rc = tern_dev_clocks(dev, p->pid, &p->clocks);
	if (rc)
		return rc;
	buf = calloc(1, size);
	if (!buf)
		return -ENOMEM;
	head = (struct tern_wire_prepare *)buf;
	to = buf + sizeof(*head);
	memcpy(to, p->own_tids, p->nr_tids * sizeof(p->own_tids[0]));
	to += pad8(p->nr_tids * sizeof(p->tids[0]));
	memcpy(to, p->holes, p->nr_holes * sizeof(p->holes[0]));
	to += p->nr_holes * sizeof(p->holes[0]);
	to = put_files(p, to);
	if (p->pod) {
		head->pod = strlen(p->pod) + 1;
		memcpy(to, p->pod, head->pod);
		to += pad8(head->pod);
	}
	if (p->net) {
		head->net = sizeof(*p->net);
		memcpy(to, p->net, sizeof(*p->net));
	}
	head->pid = p->own_tids[0];
	head->nr_threads = p->nr_tids;
	head->nr_holes = p->nr_holes;
	head->nr_files = p->nr_files;
	head->oneway_ns = oneway_ns;
	memcpy(head->comm, p->comm, sizeof(head->comm));
	head->unit = p->lineage.unit;
	head->nr_members = p->lineage.nr;
	head->member = p->lineage.member;
	head->root = p->lineage.root;
	head->parent = p->lineage.parent;
	head->group = p->lineage.group;
	head->session = p->lineage.session;
	head->maker = p->lineage.maker;
	head->led = p->lineage.led;
	head->attempt = p->lineage.attempt;
	/* last, for the clocks run on */
	head->monotonic = now(CLOCK_MONOTONIC) + p->clocks.monotonic;
	head->boottime = now(CLOCK_BOOTTIME) + p->clocks.boottime;
	rc = tern_link_send(link, TERN_MSG_PREPARE, buf, size);
	free(buf);
	return rc;
}

static int read_here(struct tern_prepared *p, struct tern_link *link, const struct tern_wire *head)
{
	struct tern_wire_ready ready;
	unsigned char *here;
	unsigned int i;
	int rc;

	if (head->len != sizeof(ready) + p->nr_files)
		return -EPROTO;
	rc = tern_link_recv_body(link, &ready, sizeof(ready), READY_MS);
	if (rc)
		return rc;
	if (ready.nr_files != p->nr_files)
		return -EPROTO;
	p->room = ready.room;
	here = malloc(p->nr_files + 1);
	if (!here)
		return -ENOMEM;
	rc = tern_link_recv_body(link, here, p->nr_files, READY_MS);
	for (i = 0; i < p->nr_files && !rc; i++) {
		if (here[i] > TERN_WIRE_WANTED ||
		    (here[i] == TERN_WIRE_WANTED &&
		     !(p->files[i].wire.flags & TERN_WIRE_FILE_OFFERED)))
			rc = -EPROTO;
		p->files[i].here = here[i];
	}
	free(here);
	return rc;
}

/**
 * tern_prepared_ready() - receive READY
 * @p: learns which files are the same there, and which it wants
 * @link: lane 0
 * @why: the destination's sentence if it refuses
 */
int tern_prepared_ready(struct tern_prepared *p, struct tern_link *link,
			struct tern_why *why)
{
	struct tern_wire head;
	int rc;

	rc = tern_link_recv_head(link, &head, READY_MS);
	if (rc)
		return rc;
	if (head.type == TERN_MSG_REFUSED)
		return tern_link_recv_refused(link, why);
	if (head.type != TERN_MSG_READY)
		return -EPROTO;
	return read_here(p, link, &head);
}

/* ---- compared with the capture ---- */

static struct tern_prepared_file *find_file(const struct tern_prepared *p, const char *path)
{
	struct tern_prepared_file key = { .path = (char *)path };

	if (!p->nr_files)
		return NULL;
	return bsearch(&key, p->files, p->nr_files, sizeof(key), compare_path);
}

/**
 * tern_prepared_same() - does the destination have the same file?
 * @p: after READY
 * @path: absolute
 * @vma: a mapping of it, of a file that may have been replaced since
 */
bool tern_prepared_same(const struct tern_prepared *p, const char *path,
			const struct tern_obj_vma *vma)
{
	const struct tern_prepared_file *f = find_file(p, path);

	return f && f->here == TERN_WIRE_SAME && f->wire.ino == vma->ino &&
	       (f->wire.flags & TERN_WIRE_FILE_SHARED || f->wire.size == vma->size);
}

/**
 * tern_prepared_write_back() - write dirty data of open files to their server
 * @p: knows the files
 * @why: which file could not be written
 *
 * Before the migrant is parked, so that the capture, which writes back what is
 * left, finds little.
 */
int tern_prepared_write_back(const struct tern_prepared *p, struct tern_why *why)
{
	unsigned int i;

	for (i = 0; i < p->nr_dirty; i++)
		if (fdatasync(p->dirty[i]))
			return tern_why_set(why, -errno,
					    "data that the process has written could not be brought to the file server: %s",
					    strerror(errno));
	return 0;
}

static bool has_tid(const struct tern_prepared *p, __s32 tid)
{
	unsigned int lo = 1, hi = p->nr_tids;

	if (tid == p->own_tids[0])
		return true;
	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (p->own_tids[mid] == tid)
			return true;
		if (p->own_tids[mid] < tid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static bool in_hole(const struct tern_prepared *p, const struct tern_obj_vma *vma)
{
	unsigned int i;

	for (i = 0; i < p->nr_holes; i++)
		if (vma->start < p->holes[i].end && p->holes[i].start < vma->end)
			return true;
	return false;
}

static bool is_open(const struct tern_prepared *p, const struct tern_obj *obj)
{
	const struct tern_prepared_file *f;
	size_t len;

	f = find_file(p, tern_obj_tail(obj, &len));
	return f && f->wire.flags & (TERN_WIRE_FILE_OPEN | TERN_WIRE_FILE_DIR);
}

/*
 * What was opened since on a file system that both hosts have need not have been named: the
 * destination sees by the number of its inode whether it is the same there.
 */
static bool is_found(const struct tern_obj *obj)
{
	const struct tern_obj_desc *desc = tern_obj_payload(obj);

	return S_ISREG(desc->mode) && tern_magic_on_network(desc->magic);
}

/* A file that moves has been told of as one that does not, if it is written to only now. */
static bool moves(const struct tern_prepared *p, const struct tern_obj *obj)
{
	const struct tern_obj_carried *carried = tern_obj_payload(obj);
	size_t len;

	return carried->kind != TERN_CARRIED_NAMED || !find_file(p, tern_obj_tail(obj, &len));
}

/* The group may change until the end, the others are given to it when it is born. */
static bool is_in_place(const struct tern_prepared *p, const struct tern_obj_task *task)
{
	return task->parent == p->lineage.parent && task->session == p->lineage.session;
}

static bool covers(const struct tern_prepared *p, const struct tern_obj *obj)
{
	const struct tern_obj_desc *desc;
	const struct tern_obj_thread *thread;

	switch (obj->type) {
	case TERN_OBJ_TASK:
		return is_in_place(p, tern_obj_payload(obj));
	case TERN_OBJ_THREAD:
		thread = tern_obj_payload(obj);
		return has_tid(p, thread->tid);
	case TERN_OBJ_VMA:
		return !in_hole(p, tern_obj_payload(obj));
	case TERN_OBJ_DESC:
		desc = tern_obj_payload(obj);
		return desc->kind != TERN_DESC_FILE || is_open(p, obj) || is_found(obj);
	case TERN_OBJ_FS:
		return is_open(p, obj);
	case TERN_OBJ_CARRIED:
		return moves(p, obj);
	default:
		return true;
	}
}

/* The destination has it as it was when it was described; others may write to it. */
static bool is_copy(const struct tern_prepared_file *f)
{
	return f->wire.flags & TERN_WIRE_FILE_OPEN &&
	       !(f->wire.flags & (TERN_WIRE_FILE_SHARED | TERN_WIRE_FILE_DIR));
}

static int unchanged(const struct tern_prepared *p, struct tern_why *why)
{
	unsigned int i;

	for (i = 0; i < p->nr_files; i++) {
		const struct tern_prepared_file *f = &p->files[i];

		if (is_copy(f) && !tern_file_unchanged(f->path, &f->was))
			return tern_why_set(why, -EAGAIN,
					    "%.160s, which the process only reads, is written to by others: try again when it is not",
					    f->path);
	}
	return 0;
}

static bool net_changed(const struct tern_prepared *p)
{
	struct pollfd watch = { .fd = p->net_watch, .events = POLLIN };

	return p->net && poll(&watch, 1, 0) > 0;
}

/**
 * tern_prepared_covers() - was the destination told all that the capture needs?
 * @p: what it was told
 * @image: the capture
 * @why: what has changed since
 *
 * -EAGAIN: the migrant has changed; prepare again.
 */
int tern_prepared_covers(const struct tern_prepared *p, const struct tern_image *image,
			 struct tern_why *why)
{
	static const char *const what[__TERN_OBJ_MAX] = {
		[TERN_OBJ_TASK] = "parent or session", [TERN_OBJ_THREAD] = "threads",
		[TERN_OBJ_VMA] = "mappings",
		[TERN_OBJ_DESC] = "open files", [TERN_OBJ_FS] = "working directory",
		[TERN_OBJ_CARRIED] = "open files",
	};
	const struct tern_obj *obj = NULL;
	unsigned int threads = 0;

	while ((obj = tern_image_next(image, obj))) {
		threads += obj->type == TERN_OBJ_THREAD;
		if (!covers(p, obj))
			return tern_why_set(why, -EAGAIN,
					    "the process keeps changing its %s: try again when it is quieter",
					    what[obj->type]);
	}
	if (threads != p->nr_tids)
		return tern_why_set(why, -EAGAIN,
				    "the process keeps starting and ending threads: try again when it is quieter");
	if (net_changed(p))
		return tern_why_set(why, -EAGAIN,
				    "the process keeps changing its network: try again when it is quieter");
	return unchanged(p, why);
}

static bool is_null(const struct tern_prepared *p, const struct tern_obj_fd *fd)
{
	return fd->fd <= 2 && p->null_stdio & 1U << fd->fd;
}

/*
 * Descriptions that are named by standard descriptors alone which become
 * /dev/null; 0 stands for none. In two walks, for there may be very many others.
 */
static void find_null(const struct tern_prepared *p, const struct tern_image *image,
		      __u32 descs[3])
{
	const struct tern_obj *obj = NULL;
	unsigned int i;

	while ((obj = tern_image_find(image, TERN_OBJ_FD, obj))) {
		const struct tern_obj_fd *fd = tern_obj_payload(obj);

		if (is_null(p, fd))
			descs[fd->fd] = fd->desc;
	}
	while ((obj = tern_image_find(image, TERN_OBJ_FD, obj))) {
		const struct tern_obj_fd *fd = tern_obj_payload(obj);

		for (i = 0; i < 3 && !is_null(p, fd); i++)
			if (descs[i] == fd->desc)
				descs[i] = 0;
	}
}

/**
 * tern_prepared_apply() - turn what only user space could see to be immovable
 *	into /dev/null, as TERN_STDIO_NULL allows
 * @p: knows which descriptors
 * @image: the capture, changed
 */
void tern_prepared_apply(const struct tern_prepared *p, struct tern_image *image)
{
	const struct tern_obj *obj = NULL;
	__u32 descs[3] = { 0 };
	unsigned int i;

	if (!p->null_stdio)
		return;
	find_null(p, image, descs);
	while ((obj = tern_image_find(image, TERN_OBJ_DESC, obj))) {
		struct tern_obj_desc *desc = (void *)tern_obj_payload(obj);

		for (i = 0; i < 3; i++)
			if (desc->kind == TERN_DESC_FILE && descs[i] == desc->id)
				desc->kind = TERN_DESC_NULL;
	}
}
