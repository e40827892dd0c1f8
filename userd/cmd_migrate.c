// SPDX-License-Identifier: GPL-2.0
/*
 * tern migrate: ask for a migration, and follow it until the source has
 * nothing left of the process, and of those that have moved with it.
 *
 * Subscribes before it asks, so that no event is missed; and asks for the
 * state when events were lost, or none has come for a while.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tern.h"

#define ASK_MS	500
#define ORPHANED_NS	(10 * 1000000000ULL)
#define BAR	32
#define OTHERS_NS	50000000L

static volatile sig_atomic_t interrupted;

/**
 * struct follow - a migration being followed
 * @client: asks and listens
 * @id: which
 * @host: its destination
 * @pid: its migrant
 * @json: print JSON at the end, nothing else
 * @bar: standard error is a terminal: draw
 * @drawn: the cursor stands in a drawn line
 * @state: last one told
 * @moved: pages at the last drawing
 * @when: of the last drawing, ns
 * @rate: pages per second, smoothed
 * @orphaned: since when no daemon serves this host, ns; 0: one does
 */
struct follow {
	struct tern_client *client;
	__u64 id;
	const char *host;
	int pid;
	bool json;
	bool bar;
	bool drawn;
	unsigned int state;
	__u64 moved;
	__u64 when;
	double rate;
	__u64 orphaned;
};

static void on_signal(int signo)
{
	(void)signo;
	interrupted = 1;
}

static __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void end_line(struct follow *f)
{
	if (f->drawn)
		fputs("\r\033[K", stderr);
	f->drawn = false;
}

static void update_rate(struct follow *f, __u64 moved)
{
	__u64 now = now_ns();
	double rate;

	if (f->when && now > f->when && moved >= f->moved) {
		rate = (moved - f->moved) * 1e9 / (now - f->when);
		f->rate = f->rate > 0 ? f->rate * 0.7 + rate * 0.3 : rate;
	}
	f->when = now;
	f->moved = moved;
}

static void draw(struct follow *f, const struct tern_report *r)
{
	char bar[BAR + 1], done[32], all[32], rate[32];
	unsigned int n;

	if (!f->bar || !r->pages_total)
		return;
	update_rate(f, r->pages_moved);
	n = r->pages_moved >= r->pages_total ? BAR : r->pages_moved * BAR / r->pages_total;
	memset(bar, '#', n);
	memset(bar + n, '.', BAR - n);
	bar[BAR] = '\0';
	fprintf(stderr, "\rpages [%s] %3llu%%  %s of %s  %s/s\033[K", bar,
		(unsigned long long)(r->pages_moved >= r->pages_total ? 100 :
				     r->pages_moved * 100 / r->pages_total),
		show_bytes(done, sizeof(done), r->pages_moved * 4096),
		show_bytes(all, sizeof(all), r->pages_total * 4096),
		show_bytes(rate, sizeof(rate), f->rate * 4096));
	fflush(stderr);
	f->drawn = true;
}

static void tell(struct follow *f, const struct tern_info_migration *m)
{
	if (m->state == f->state || f->json)
		return;
	f->state = m->state;
	end_line(f);
	/* doubt mostly lasts a moment, and is told only when it lasts */
	if (m->state == TERN_COMMITTED)
		fprintf(stderr, "process %d runs on host %s; its pages follow\n", f->pid, f->host);
}

static int leave(struct follow *f, unsigned int state)
{
	end_line(f);
	fprintf(stderr, "tern: no longer watching; the migration goes on (%s): tern status " ID_FMT "\n",
		tern_state_name(state), (unsigned long long)f->id);
	return EXIT_DOUBT;
}

static void tell_doubt(struct follow *f, const struct tern_info_migration *m)
{
	static bool told;

	if (told || f->json || m->state != TERN_DOUBT)
		return;
	told = true;
	end_line(f);
	fprintf(stderr, "in doubt: host %s has the process but has not said that it runs; waiting for its answer\n",
		f->host);
}

static int count_host(void *arg, const struct tern_info_host *host)
{
	(void)host;
	++*(unsigned int *)arg;
	return 0;
}

/*
 * Without a daemon nothing moves on. One that is merely restarted is back
 * soon, and takes up what is in doubt or committed.
 */
static bool is_orphaned(struct follow *f)
{
	unsigned int hosts = 0;

	if (tern_client_hosts(f->client, count_host, &hosts) || hosts) {
		f->orphaned = 0;
		return false;
	}
	if (!f->orphaned)
		f->orphaned = now_ns();
	return now_ns() - f->orphaned > ORPHANED_NS;
}

/**
 * struct others - those that move with it
 * @unit: the migration that they belong to
 * @nr: how many
 * @left: of those, how many have not ended
 * @lost: or have ended badly
 */
struct others {
	__u64 unit;
	unsigned int nr;
	unsigned int left;
	unsigned int lost;
};

static int count_other(void *arg, const struct tern_info_migration *m)
{
	struct others *o = arg;

	if (m->unit != o->unit || m->id == o->unit || m->side != TERN_SOURCE)
		return 0;
	o->nr++;
	o->left += !tern_state_is_final(m->state);
	o->lost += m->state == TERN_LOST;
	return 0;
}

/* Its own pages have moved; those of its descendants may take longer. */
static int wait_others(struct follow *f, struct others *o)
{
	struct timespec pause = { .tv_nsec = OTHERS_NS };
	int rc;

	for (;;) {
		*o = (struct others){ .unit = f->id };
		rc = tern_client_list(f->client, count_other, o);
		if (rc || !o->left || interrupted)
			return rc;
		if (is_orphaned(f))
			return 0;
		nanosleep(&pause, NULL);
	}
}

static int tell_moved(struct follow *f, const struct tern_info_migration *m)
{
	struct others o;
	int rc = wait_others(f, &o);

	if (rc)
		return complain(f->client, rc, "following the migration");
	if (o.left || o.lost) {
		fprintf(stderr, "tern: process %d has moved to host %s, and %u of %u descendants have left nothing here: tern status\n",
			f->pid, f->host, o.nr - o.left - o.lost, o.nr);
		return EXIT_DOUBT;
	}
	if (f->json)
		return EXIT_DONE;
	if (o.nr)
		printf("process %d and %u descendants have moved to host %s; nothing of them is left here\n",
		       f->pid, o.nr, f->host);
	else
		printf("process %d has moved to host %s; nothing of it is left here\n", f->pid,
		       f->host);
	print_report(stdout, m);
	return EXIT_DONE;
}

static int conclude(struct follow *f, const struct tern_info_migration *m)
{
	end_line(f);
	if (f->json) {
		print_json(stdout, m);
		putchar('\n');
	}
	switch (m->state) {
	case TERN_INDEPENDENT:
		return tell_moved(f, m);
	case TERN_FAILED:
		fprintf(stderr, "tern: process %d has not moved and runs on here: %s\n", f->pid,
			m->reason[0] ? m->reason : strerror(m->error));
		return EXIT_NOT;
	default:
		fprintf(stderr, "tern: migration " ID_FMT " is lost: %s\n",
			(unsigned long long)f->id, m->reason[0] ? m->reason : "no reason is known");
		return EXIT_DOUBT;
	}
}

static int leave_orphan(struct follow *f, unsigned int state)
{
	end_line(f);
	fprintf(stderr, "tern: the daemon of this host has gone (%s): start ternd again, then: tern status " ID_FMT "\n",
		tern_state_name(state), (unsigned long long)f->id);
	return EXIT_DOUBT;
}

static int follow(struct follow *f)
{
	struct tern_info_migration m = { .state = TERN_REQUESTED };

	for (;;) {
		int rc = tern_client_next(f->client, &m, ASK_MS);

		if (rc == -ETIMEDOUT || rc == -ENOBUFS) {
			rc = tern_client_get(f->client, f->id, &m);
			if (!rc)
				tell_doubt(f, &m);
			if (!rc && !tern_state_is_final(m.state) && is_orphaned(f))
				return leave_orphan(f, m.state);
		}
		if (interrupted)
			return leave(f, m.state);
		if (rc == -EINTR)
			continue;
		if (rc)
			return complain(f->client, rc, "following the migration");
		if (m.id != f->id)
			continue;
		tell(f, &m);
		draw(f, &m.report);
		if (tern_state_is_final(m.state))
			return conclude(f, &m);
	}
}

static int migrate(struct follow *f, unsigned int flags, bool wait)
{
	char what[32];
	int rc;

	snprintf(what, sizeof(what), "process %d", f->pid);
	rc = wait ? tern_client_subscribe(f->client) : 0;
	if (rc)
		return complain(f->client, rc, "events");
	rc = tern_client_migrate(f->client, f->pid, f->host, flags, &f->id);
	if (rc == -EINVAL || rc == -ENAMETOOLONG) {
		complain(f->client, rc, what);
		return EXIT_USAGE;
	}
	if (rc) {
		complain(f->client, rc, what);
		return rc == -ESRCH || rc == -EPERM || rc == -EACCES ? EXIT_USAGE : EXIT_NOT;
	}
	if (!wait) {
		if (f->json)
			printf("{\"id\":\"" ID_FMT "\"}\n", (unsigned long long)f->id);
		else
			printf(ID_FMT "\n", (unsigned long long)f->id);
		return EXIT_DONE;
	}
	return follow(f);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "stdio", required_argument, NULL, 's' },
		{ "with-files", no_argument, NULL, 'f' },
		{ "tcp-close", no_argument, NULL, 't' },
		{ "no-prepare", no_argument, NULL, 'c' },
		{ "mode", required_argument, NULL, 'm' },
		{ "json", no_argument, NULL, 'j' },
		{ "no-wait", no_argument, NULL, 'n' },
		{ },
	};
	struct sigaction action = { .sa_handler = on_signal };
	struct follow f = { .bar = isatty(STDERR_FILENO) };
	unsigned int flags = 0;
	bool wait = true;
	int opt, rc = 0;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			rc = parse_stdio(&cmd_migrate, optarg, &flags);
			break;
		case 'f':
			flags |= TERN_WITH_FILES;
			break;
		case 't':
			flags |= TERN_TCP_CLOSE;
			break;
		case 'c':
			flags |= TERN_COLD;
			break;
		case 'm':
			rc = parse_mode(&cmd_migrate, optarg, &flags);
			break;
		case 'j':
			f.json = true;
			f.bar = false;
			break;
		case 'n':
			wait = false;
			break;
		default:
			rc = EXIT_USAGE;
		}
		if (rc)
			return rc;
	}
	if (argc - optind != 2)
		return usage(&cmd_migrate, "migrate takes a process or pod, and a host");
	if (flags & TERN_HYBRID && flags & (TERN_COLD | TERN_LAZY))
		return usage(&cmd_migrate, "--mode=hybrid goes neither with --mode=lazy nor with --no-prepare");
	rc = find_process(&cmd_migrate, argv[optind], &f.pid);
	if (rc)
		return rc;
	f.host = argv[optind + 1];
	rc = open_client(&f.client);
	if (rc)
		return rc;
	sigaction(SIGINT, &action, NULL);
	rc = migrate(&f, flags, wait);
	tern_client_close(f.client);
	return rc;
}

const struct command cmd_migrate = {
	.name = "migrate",
	.args = "PID|POD HOST [--stdio=null] [--with-files] [--tcp-close] [--mode=MODE] [--no-prepare] [--json] [--no-wait]",
	.help = "move a process to another host",
	.text = "Moves the process, shows how its pages follow, and ends when nothing of it is\n"
		"left on this host: from then on this host may be switched off.\n"
		"\n"
		"Its descendants move with it, all of them or none. The figures at the end are\n"
		"those of the process itself.\n"
		"\n"
		"  --stdio=null   standard descriptors that cannot move become /dev/null\n"
		"  --with-files   files on local disks that the process writes to move with it: they\n"
		"                 are no more on this host then, and must not be on the other. Only\n"
		"                 files that nobody else has open, and 16 MiB of them. What it only\n"
		"                 reads is copied there, if it is not there, as are directories. What\n"
		"                 it has closed and will open again by its name stays behind\n"
		"  --tcp-close    TCP connections on the host's own address, which would be in the\n"
		"                 way, are reset, at both ends; those of a pod move all the same\n"
		"  --mode=lazy    no page is sent before the process has moved: it leaves soonest\n"
		"  --mode=hybrid  its pages are sent ahead while it still runs here, and only what\n"
		"                 it writes to meanwhile follows later: it waits least afterwards\n"
		"  --mode=auto    hybrid, for ten seconds at most, and not if the process writes\n"
		"                 to its memory half as fast as the link is (what is done without\n"
		"                 this option)\n"
		"  --no-prepare   do not have the other host lay out the process beforehand: it\n"
		"                 stands still for longer, but is moved a moment sooner\n"
		"  --json         print one JSON object at the end, and nothing else\n"
		"  --no-wait      print the migration's id and end at once\n"
		"\n"
		"Interrupting this command does not stop the migration; \"tern abort\" does.\n"
		"\n"
		"Exit status: 0 moved (with --no-wait: asked for), 1 not moved, the process runs\n"
		"on here, 2 usage, or nothing could be asked, 3 in doubt, interrupted, without a\n"
		"daemon, or lost.\n"
		"\n"
		"Example:\n"
		"  tern migrate $(pidof xz) b --stdio=null\n",
	.run = run,
};
