// SPDX-License-Identifier: GPL-2.0
/*
 * PREPARE, COPY: while the migrant still runs at the source, find out whether it could
 * run here, and have a shell ready for it. All that can be refused for a reason
 * of this host is refused here.
 *
 * Owns the message and what points into it. The message comes from a peer: it
 * is checked as a whole before any of it is used.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dest.h"
#include "files.h"
#include "net.h"

#define FILES_MAX	65536U
#define HOLES_MAX	64U
#define BODY_MS		10000
#define ADDR_MAX	0x7ffffffff000ULL

/**
 * struct cursor - what is left of the message
 * @at: next byte
 * @left: bytes from there on
 */
struct cursor {
	const char *at;
	size_t left;
};

/* The next @len bytes, and the padding behind them; NULL: there are less. */
static const void *take(struct cursor *c, size_t len)
{
	size_t padded = (len + 7) & ~(size_t)7;
	const void *at = c->at;

	if (len > c->left || padded > c->left)
		return NULL;
	c->at += padded;
	c->left -= padded;
	return at;
}

static int malformed(struct tern_dest *d)
{
	return tern_why_set(&d->why, -EPROTO,
			    "the source's preparation is malformed: both hosts must run the same version of Tern");
}

static int check_tids(const __s32 *tids, unsigned int nr, int pid)
{
	unsigned int i;

	if (tids[0] != pid || pid < 1)
		return -EPROTO;
	for (i = 1; i < nr; i++)
		if (tids[i] < 2 || tids[i] == pid || (i > 1 && tids[i] <= tids[i - 1]))
			return -EPROTO;
	return 0;
}

static int check_holes(const struct tern_wire_range *hole, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (hole[i].start % 4096 || hole[i].end % 4096 || hole[i].start < 0x10000 ||
		    hole[i].start >= hole[i].end || hole[i].end > ADDR_MAX)
			return -EPROTO;
	return 0;
}

static int take_files(struct tern_dest *d, struct cursor *c)
{
	const unsigned int nr = d->prepare->nr_files;
	unsigned int i;

	d->known = calloc(nr + 1, sizeof(*d->known));
	if (!d->known)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		const struct tern_wire_file *file = take(c, sizeof(*file));
		const char *path;

		if (!file || file->path < 2 || file->path > TERN_PATH_MAX)
			return -EPROTO;
		path = take(c, file->path);
		if (!path || path[0] != '/' || strnlen(path, file->path) != file->path - 1)
			return -EPROTO;
		d->known[i].path = path;
		d->known[i].file = *file;
		/* the source sends them in order, each once: that makes them easy to find */
		if (i && strcmp(d->known[i - 1].path, path) >= 0)
			return -EPROTO;
	}
	return 0;
}

/* The first process of a pod, and no other, is process 1. */
static int take_pod(struct tern_dest *d, struct cursor *c)
{
	const struct tern_wire_prepare *p = d->prepare;
	const char *end;

	if (!p->pod)
		return p->net || p->pid == 1 ? -EPROTO : 0;
	if (p->pod > TERN_POD_TEXT_MAX || p->pid != 1 || p->parent)
		return -EPROTO;
	d->pod_text = take(c, p->pod);
	if (!d->pod_text || strnlen(d->pod_text, p->pod) != p->pod - 1)
		return -EPROTO;
	end = strchr(d->pod_text, '\n');
	if (!end || end - d->pod_text >= TERN_POD_NAME_MAX)
		return -EPROTO;
	memcpy(d->pod_name, d->pod_text, end - d->pod_text);
	d->pod_text = end + 1;
	return tern_pod_name_valid(d->pod_name) ? 0 : -EPROTO;
}

/* Only a pod has one. */
static int take_net(struct tern_dest *d, struct cursor *c)
{
	const struct tern_wire_prepare *p = d->prepare;

	if (!p->net)
		return 0;
	if (p->net != sizeof(*d->net))
		return -EPROTO;
	d->net = take(c, sizeof(*d->net));
	return d->net ? tern_net_check(d->net) : -EPROTO;
}

/* Where it stands in its tree, if it has one. */
static int check_place(const struct tern_wire_prepare *p)
{
	if (!p->unit)
		return p->nr_members || p->member || p->root || p->parent || p->group ||
		       p->session || p->maker || p->led || p->attempt ? -EPROTO : 0;
	if (p->nr_members < 2 || p->nr_members > TERN_PROCESSES_MAX ||
	    p->member >= p->nr_members || p->group < 0 || p->session < 0)
		return -EPROTO;
	if (!p->member)
		return p->parent || p->root != p->pid || p->group || p->session || p->maker ||
		       p->led ? -EPROTO : 0;
	if (p->parent < 1 || p->root < 1 || p->maker < 1 || p->parent == p->pid ||
	    p->root == p->pid || p->maker == p->pid)
		return -EPROTO;
	switch (p->led) {
	case 0:
		return 0;
	case TERN_WIRE_LED:
		return p->maker != p->parent || !p->session || p->session == p->pid ? -EPROTO : 0;
	case TERN_WIRE_STRAY:
		return p->maker != p->session || p->parent != p->root || p->parent == p->maker ?
		       -EPROTO : 0;
	default:
		return -EPROTO;
	}
}

/* @nr_holes are between tids and files. */
static int parse(struct tern_dest *d, size_t len, const struct tern_wire_range **holes)
{
	struct cursor c = { (const char *)d->prepare, len };
	const struct tern_wire_prepare *p = take(&c, sizeof(*p));

	if (!p || check_place(p) || p->reserved || !p->nr_threads ||
	    p->nr_threads > TERN_THREADS_MAX || p->nr_holes > HOLES_MAX || p->nr_files > FILES_MAX)
		return -EPROTO;
	d->tids = take(&c, p->nr_threads * sizeof(*d->tids));
	*holes = take(&c, p->nr_holes * sizeof(**holes));
	if (!d->tids || !*holes || check_tids(d->tids, p->nr_threads, p->pid) ||
	    check_holes(*holes, p->nr_holes))
		return -EPROTO;
	if (take_files(d, &c))
		return -EPROTO;
	if (take_pod(d, &c) || take_net(d, &c))
		return -EPROTO;
	return c.left ? -EPROTO : 0;
}

/* ---- is everything here? --------------------------------------------------------- */

static bool is_missing(const char *path)
{
	struct stat st;

	return lstat(path, &st) && errno == ENOENT;
}

static bool is_regular(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode);
}

static int refuse_file(struct tern_dest *d, const struct tern_known *known, bool missing)
{
	const char *host = d->job->host->name;
	bool offered = known->file.flags & TERN_WIRE_FILE_OFFERED;

	if (known->file.flags & TERN_WIRE_FILE_DIR)
		return tern_why_set(&d->why, -ENOENT,
				    offered ? "there is something else than the directory %s on %s: move it out of the way" :
				    "directory %s is not on %s: make it there, mount what it is on, or use --with-files",
				    known->path, host);
	if (known->file.flags & TERN_WIRE_FILE_SHARED)
		return tern_why_set(&d->why, -ENOENT,
				    "%s, which the process has open on a network file system, is not the same file on %s: mount the same file system there",
				    known->path, host);
	return tern_why_set(&d->why, -ENOENT,
			    missing ?
			    "%s, which the process has open, does not exist on %s: copy it there, or use --with-files or a shared file system" :
			    !is_regular(known->path) ?
			    "there is something else than the file %s on %s: move it out of the way" :
			    "%s, which the process has open, is another one on %s: copy it there, or use a shared file system",
			    known->path, host);
}

static int check_file(struct tern_dest *d, struct tern_known *known)
{
	bool offered = known->file.flags & TERN_WIRE_FILE_OFFERED, missing;
	int err = 0;

	/* before it is looked at, so that nobody takes it away afterwards */
	if (offered)
		err = tern_copies_use(d->copies, known->path);
	if (err)
		return err;
	known->same = !stat(known->path, &known->was) &&
		      tern_file_same(known->path, &known->file) == 1;
	if (known->same || !(known->file.flags & (TERN_WIRE_FILE_OPEN | TERN_WIRE_FILE_DIR)))
		return 0;
	if (offered)
		tern_copies_forget(d->copies, known->path);
	missing = is_missing(known->path);
	known->wanted = missing && offered;
	return known->wanted ? 0 : refuse_file(d, known, missing);
}

/**
 * tern_dest_unchanged() - is what was found to be the same still what it was?
 * @d: the attempt
 *
 * What is on a network file system both hosts see, and mappings were proved for long.
 */
int tern_dest_unchanged(struct tern_dest *d)
{
	unsigned int i;

	for (i = 0; i < d->prepare->nr_files; i++) {
		const struct tern_known *known = &d->known[i];

		if (!known->same || !(known->file.flags & TERN_WIRE_FILE_OPEN) ||
		    known->file.flags & (TERN_WIRE_FILE_SHARED | TERN_WIRE_FILE_DIR))
			continue;
		if (!tern_file_unchanged(known->path, &known->was))
			return tern_why_set(&d->why, -EAGAIN,
					    "%s, which the process has open, has changed on %s since it was compared; try again",
					    known->path, d->job->host->name);
	}
	return 0;
}

static int check_files(struct tern_dest *d)
{
	unsigned int i;
	int err = 0;

	tern_copies_begin(d->copies);
	for (i = 0; !err && i < d->prepare->nr_files; i++)
		err = check_file(d, &d->known[i]);
	if (!err)
		tern_copies_prune(d->copies);
	return err;
}

static int attach(struct tern_dest *d)
{
	struct tern_attach attach = {
		.side = TERN_DESTINATION,
		.id = d->job->id,
		.pid = d->prepare->pid,
		.flags = TERN_ATTACH_CREATE,
		.nr_threads = d->prepare->nr_threads,
		.unit = d->prepare->unit,
		.nr_members = d->prepare->nr_members,
	};
	int err;

	snprintf(attach.host, sizeof(attach.host), "%s", d->job->peer->name);
	d->dev = tern_dev_open();
	if (d->dev < 0)
		return tern_why_set(&d->why, d->dev, "/dev/tern cannot be opened on %s: %s",
				    d->job->host->name, strerror(-d->dev));
	err = tern_dev_attach(d->dev, &attach);
	if (err < 0)
		return tern_why_set(&d->why, err, "%s has this migration already: %s",
				    d->job->host->name, strerror(-err));
	return 0;
}

/*
 * How far the migrant's clocks are ahead of this host's. Our own clocks may be
 * those of a time namespace, the offsets are counted from the host's.
 */
static void offsets(struct tern_dest *d, struct tern_birth *birth, __u64 monotonic,
		    __u64 boottime)
{
	struct tern_info info = { .pid = 0 };

	if (tern_dev_info(d->dev, &info) < 0)
		info.monotonic_off = info.boottime_off = 0;
	birth->monotonic_off = d->prepare->monotonic + d->prepare->oneway_ns -
			       (monotonic - info.monotonic_off);
	birth->boottime_off = d->prepare->boottime + d->prepare->oneway_ns -
			      (boottime - info.boottime_off);
}

static int send_ready(struct tern_dest *d)
{
	struct tern_wire_ready ready = { .nr_files = d->prepare->nr_files };
	__u64 room = tern_stage_room();
	struct iovec iov[3] = { [1] = { &ready, sizeof(ready) } };
	unsigned char *here = malloc(ready.nr_files + 1);
	unsigned int i;
	int err;

	if (!here)
		return -ENOMEM;
	ready.room = room < UINT32_MAX ? room : UINT32_MAX;
	d->stage.room = ready.room;
	for (i = 0; i < ready.nr_files; i++)
		here[i] = d->known[i].same ? TERN_WIRE_SAME :
			  d->known[i].wanted ? TERN_WIRE_WANTED : TERN_WIRE_DIFFERS;
	iov[2] = (struct iovec){ here, ready.nr_files };
	err = tern_link_sendv(&d->link, TERN_MSG_READY, iov, 3);
	free(here);
	return err;
}

static int make_net(struct tern_dest *d)
{
	const struct tern_host *host = d->job->host;
	int hold, rc = tern_net_make(d->shell.pid, d->pod_name, host->bridge, host->name, d->net,
			       &d->why);

	if (rc)
		return rc;
	rc = tern_net_index(d->shell.pid);
	hold = rc > 0 ? tern_dev_hold(d->dev, &d->why) : rc;
	if (hold < 0)
		rc = hold;
	else if (rc > 0)
		rc = tern_inject_create(&d->inject, d->job->id, d->job->peer, rc, hold);
	return rc < 0 ? tern_why_set(&d->why, rc,
				     "nothing can be handed to the interface of the pod on %s: %s",
				     host->name, strerror(-rc)) : 0;
}

/* The shell, and where it lives. */
static int make_shell(struct tern_dest *d, struct tern_birth *birth)
{
	__s32 pids[TERN_PROCESSES_MAX];
	unsigned int nr;
	int err;

	if (d->net) {
		err = tern_net_bridge(d->job->host->bridge, d->job->host->name, &d->why);
		if (err < 0)
			return err;
	}
	if (d->prepare->pod) {
		tern_pod_init(&d->pod, d->job->host->cgroup, d->pod_name);
		err = tern_group_make(d->job->host->cgroup, &d->pod, d->pod_text, &d->why);
		if (err)
			return err;
		birth->pod = &d->pod;
	}
	err = tern_shell_start(&d->shell, birth, &d->why);
	/* its number in our namespace, and not in its own */
	if (!err)
		err = tern_dev_tree(d->dev, pids, &nr);
	if (err)
		return err;
	d->shell.pid = pids[0];
	d->job->pid = pids[0];
	if (d->net)
		err = make_net(d);
	if (err)
		return err;
	/* System V segments that move with it are made by this thread */
	return tern_pod_visit(d->shell.pid);
}

/**
 * tern_dest_prepare() - receive PREPARE, make a shell, answer READY
 * @d: the attempt
 * @len: bytes of the message
 */
int tern_dest_prepare(struct tern_dest *d, size_t len)
{
	struct tern_birth birth = { .host = d->job->host, .id = d->job->id, .join = true,
				    .cancel = d->job->cancel };
	__u64 monotonic = tern_dest_now(CLOCK_MONOTONIC);
	__u64 boottime = tern_dest_now(CLOCK_BOOTTIME);
	int err;

	if (d->prepare || len < sizeof(*d->prepare))
		return malformed(d);
	d->prepare = malloc(len);
	if (!d->prepare)
		return -ENOMEM;
	err = tern_link_recv_body(&d->link, d->prepare, len, BODY_MS);
	if (err)
		return err;
	err = parse(d, len, &birth.holes);
	if (err == -EPROTO)
		return malformed(d);
	if (!err)
		err = check_files(d);
	if (!err)
		err = attach(d);
	if (err)
		return err;
	birth.tids = d->tids;
	birth.nr_threads = d->prepare->nr_threads;
	birth.nr_holes = d->prepare->nr_holes;
	if (d->prepare->parent) {
		birth.child = d->prepare;
		birth.peer = d->job->peer;
	}
	offsets(d, &birth, monotonic, boottime);
	err = make_shell(d, &birth);
	if (!err)
		err = tern_shell_look(&d->shell, &d->base, &d->why);
	if (!err && d->prepare->unit)
		err = tern_kin_join(&d->kin, d->job->peer, d->prepare);
	if (!err)
		err = send_ready(d);
	return err;
}

/**
 * tern_dest_copy() - receive COPY; answer COPIED, when it is the last part of a file
 * @d: the attempt
 * @len: bytes of the message
 */
int tern_dest_copy(struct tern_dest *d, size_t len)
{
	struct tern_wire_copy *part;
	bool last;
	int err;

	if (!d->prepare || d->dressed || d->dressing)
		return malformed(d);
	part = malloc(len);
	if (!part)
		return -ENOMEM;
	err = tern_link_recv_body(&d->link, part, len, BODY_MS);
	if (!err && part->file >= d->prepare->nr_files)
		err = -EPROTO;
	if (!err)
		err = tern_copies_put(d->copies, &d->known[part->file], part,
				      len - sizeof(*part), &d->why);
	last = part->flags & TERN_WIRE_COPY_LAST;
	free(part);
	if (err)
		return err == -EPROTO ? malformed(d) : err;
	return last ? tern_link_send(&d->link, TERN_MSG_COPIED, NULL, 0) : 0;
}

/** tern_dest_prepare_fini() - the message is not needed any more; the shell ends */
void tern_dest_prepare_fini(struct tern_dest *d)
{
	tern_kin_leave(&d->kin);
	tern_shell_end(&d->shell);
	free(d->known);
	free(d->prepare);
	d->known = NULL;
	d->prepare = NULL;
}
