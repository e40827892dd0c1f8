// SPDX-License-Identifier: GPL-2.0
/*
 * ternd: the event loop. Requests from the kernel, connections from peers,
 * jobs that have ended and signals to stop; all else is done by the jobs.
 *
 * Owns the serving handle of /dev/tern, the listening socket and the main
 * ring, which only the main thread uses. Never blocks but in that ring. May be
 * killed at any moment: every migration is an object in the kernel, and the
 * next ternd adopts it.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "dev.h"
#include "greet.h"
#include "host.h"
#include "jobs.h"
#include "learn.h"
#include "lines.h"
#include "pods.h"

#define REQUESTS	16

enum event { EV_DEV = 1, EV_ACCEPT, EV_DONE, EV_SIGNAL, EV_LINES, EV_PODS, EV_TIMER };

/**
 * struct daemon - what the event loop works on
 * @host: this host
 * @jobs: the running migrations
 * @dev: serving handle of /dev/tern
 * @listen: listening socket
 * @signals: signalfd
 * @pods: of this host
 * @lines: where those listen who want to speak to them
 * @ring: the main thread's
 * @from: where the connection comes from that is being accepted
 * @from_len: its length
 */
struct daemon {
	struct tern_host host;
	struct tern_jobs jobs;
	int dev;
	int listen;
	int signals;
	struct tern_pods pods;
	int lines;
	struct io_uring ring;
	struct sockaddr_storage from;
	socklen_t from_len;
};

static int arm(struct daemon *d, enum event event)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&d->ring);

	if (!sqe)
		return -ENOMEM;
	switch (event) {
	case EV_DEV:
		io_uring_prep_poll_add(sqe, d->dev, POLLIN);
		break;
	case EV_DONE:
		io_uring_prep_poll_add(sqe, d->jobs.done, POLLIN);
		break;
	case EV_SIGNAL:
		io_uring_prep_poll_add(sqe, d->signals, POLLIN);
		break;
	case EV_LINES:
		io_uring_prep_accept(sqe, d->lines, NULL, NULL, SOCK_CLOEXEC);
		break;
	case EV_PODS:
		io_uring_prep_poll_add(sqe, d->pods.fd, POLLIN);
		break;
	case EV_TIMER:
		io_uring_prep_poll_add(sqe, d->pods.timer, POLLIN);
		break;
	case EV_ACCEPT:
		d->from_len = sizeof(d->from);
		io_uring_prep_accept(sqe, d->listen, (struct sockaddr *)&d->from,
				     &d->from_len, SOCK_CLOEXEC);
		break;
	}
	io_uring_sqe_set_data64(sqe, event);
	return 0;
}

/* A request that no job can be made for must not wait for ever. */
static void refuse(const struct tern_request *req, int err)
{
	struct tern_attach attach = {
		.size = sizeof(attach), .side = req->side, .id = req->id,
	};
	struct tern_why why = { "" };
	int dev = tern_dev_open();

	tern_why_set(&why, err, "the daemon cannot start the migration (%s): try again later",
		     strerror(-err));
	if (dev >= 0 && !tern_dev_attach(dev, &attach))
		tern_dev_fail(dev, 0, err, &why);
	if (dev >= 0)
		close(dev);
	tern_log(LOG_ERR, "migration %016" PRIx64 ": %s", (uint64_t)req->id, why.text);
}

static void handle(struct daemon *d, const struct tern_request *req)
{
	int rc;

	switch (req->what) {
	case TERN_REQUEST_ABORT:
		tern_jobs_abort(&d->jobs, req);
		return;
	case TERN_REQUEST_MIGRATE:
	case TERN_REQUEST_ADOPT:
		tern_log(LOG_INFO, "migration %016" PRIx64 ": pid %d, %s %.63s%s", (uint64_t)req->id,
			 req->pid, req->side == TERN_DESTINATION ? "from" : "to", req->host,
			 req->what == TERN_REQUEST_ADOPT ? ", taken over" : "");
		rc = tern_jobs_start(&d->jobs, req);
		if (rc && req->what == TERN_REQUEST_MIGRATE)
			refuse(req, rc);
		else if (rc && rc != -EEXIST)
			tern_log(LOG_ERR, "migration %016" PRIx64 ": not taken over: %s; restart ternd",
				 (uint64_t)req->id, strerror(-rc));
		return;
	default:
		tern_log(LOG_ERR, "unknown request %u: is tern.ko newer than ternd?", req->what);
	}
}

static int on_dev(struct daemon *d)
{
	struct tern_request req[REQUESTS];
	ssize_t i, n;

	n = read(d->dev, req, sizeof(req));
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (i = 0; i < n / (ssize_t)sizeof(req[0]); i++) {
		req[i].host[TERN_HOST_LEN - 1] = '\0';
		handle(d, &req[i]);
	}
	return 0;
}

/* Out of descriptors or memory: do not spin on it. */
static void complain_accept(int err)
{
	struct timespec pause = { .tv_nsec = 10000000 };

	if (err == -ECONNABORTED)
		return;
	tern_log(LOG_WARNING, "cannot accept a connection: %s", strerror(-err));
	nanosleep(&pause, NULL);
}

static void on_line(struct daemon *d, int fd)
{
	if (fd >= 0)
		tern_lines_start(&d->jobs, fd);
	else
		complain_accept(fd);
}

static void on_accept(struct daemon *d, int fd)
{
	if (fd >= 0)
		tern_greet_start(&d->jobs, fd, &d->from);
	else
		complain_accept(fd);
}

/* Returns 1 when the daemon is to end. */
static int on_signal(struct daemon *d)
{
	struct signalfd_siginfo info;
	unsigned int n;

	if (read(d->signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	n = tern_jobs_count(&d->jobs);
	if (n)
		tern_log(LOG_NOTICE, "stopping; %u migrations wait in the kernel for the next ternd", n);
	return 1;
}

static int dispatch(struct daemon *d, enum event event, int res)
{
	int rc = 0;

	switch (event) {
	case EV_DEV:
		rc = on_dev(d);
		break;
	case EV_ACCEPT:
		on_accept(d, res);
		break;
	case EV_DONE:
		tern_jobs_reap(&d->jobs);
		break;
	case EV_SIGNAL:
		rc = on_signal(d);
		break;
	case EV_LINES:
		on_line(d, res);
		break;
	case EV_PODS:
		tern_pods_read(&d->pods);
		break;
	case EV_TIMER:
		tern_pods_look(&d->pods);
		break;
	}
	return rc ? rc : arm(d, event);
}

static int loop(struct daemon *d)
{
	enum event event;
	int rc;

	for (event = EV_DEV; event <= (d->pods.fd < 0 ? EV_LINES : EV_TIMER); event++) {
		rc = arm(d, event);
		if (rc)
			return rc;
	}
	for (;;) {
		struct io_uring_cqe *cqe;
		int res;

		rc = io_uring_submit_and_wait(&d->ring, 1);
		if (rc < 0 && rc != -EINTR && rc != -EAGAIN)
			return rc;
		while (!io_uring_peek_cqe(&d->ring, &cqe)) {
			event = io_uring_cqe_get_data64(cqe);
			res = cqe->res;
			io_uring_cqe_seen(&d->ring, cqe);
			rc = dispatch(d, event, res);
			if (rc)
				return rc < 0 ? rc : 0;
		}
	}
}

static int serve(struct daemon *d, struct tern_why *why)
{
	char (*names)[TERN_HOST_LEN] = calloc(TERN_HOSTS_MAX, TERN_HOST_LEN);
	unsigned int i;
	int rc;

	if (!names)
		return -ENOMEM;
	for (i = 0; i < d->host.nr_peers; i++)
		memcpy(names[i], d->host.peers[i].name, TERN_HOST_LEN);
	rc = tern_dev_serve(d->dev, d->host.name, names[0], d->host.nr_peers);
	free(names);
	if (rc == -EBUSY)
		return tern_why_set(why, rc, "another ternd serves this host: stop it first");
	if (rc)
		return tern_why_set(why, rc, "cannot serve /dev/tern: %s; ternd runs as root",
				    strerror(-rc));
	return 0;
}

static int block_signals(struct daemon *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signals < 0 ? -errno : 0;
}

static void raise_limits(void)
{
	struct rlimit lim;

	/* a migration has up to some hundred descriptors: sockets, userfaultfds */
	if (!getrlimit(RLIMIT_NOFILE, &lim)) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static int set_up(struct daemon *d, const char *config, struct tern_why *why)
{
	struct tern_why learn = { "" }, pods = { "" };
	int rc;

	rc = tern_config_load(&d->host, config, why);
	if (rc)
		return rc;
	if (access(d->host.shell, X_OK))
		return tern_why_set(why, -errno, "the shell %s: %s; name it in %s: shell = PATH",
				    d->host.shell, strerror(errno), config);
	d->dev = tern_dev_open();
	if (d->dev < 0)
		return tern_why_set(why, d->dev, d->dev == -ENOENT || d->dev == -ENODEV || d->dev == -ENXIO ?
				    "/dev/tern does not exist: insmod tern.ko first" :
				    "/dev/tern: cannot be opened; ternd runs as root");
	rc = tern_host_probe(&d->host, d->dev, why);
	if (rc)
		return rc;
	rc = block_signals(d);
	if (rc)
		return tern_why_set(why, rc, "signals: %s", strerror(-rc));
	if (tern_learn(d->dev, &learn))
		tern_log(LOG_WARNING, "%s", learn.text);
	if (tern_pods_init(&d->pods, d->host.cgroup, &pods))
		tern_log(LOG_NOTICE, "no pods on this host: %s", pods.text);
	d->lines = tern_lines_listen(why);
	if (d->lines < 0)
		return d->lines;
	d->listen = tern_greet_listen(&d->host, why);
	if (d->listen < 0)
		return d->listen;
	rc = tern_jobs_init(&d->jobs, &d->host);
	if (!rc)
		rc = io_uring_queue_init(32, &d->ring, 0);
	if (rc)
		return tern_why_set(why, rc, "io_uring: %s; is it disabled on this machine?",
				    strerror(-rc));
	return serve(d, why);
}

static void usage(void)
{
	puts("usage: ternd [--config FILE] [--foreground]\n"
	     "\n"
	     "Moves processes from and to this host, as tern(1) and schedulers ask.\n"
	     "\n"
	     "  --config FILE   read FILE instead of " TERN_CONFIG ", see ternd.conf(5)\n"
	     "  --foreground    stay in the foreground and log to stderr; always so\n"
	     "  --help          this text\n"
	     "\n"
	     "Example:\n"
	     "  insmod tern.ko && ternd --config ./ternd.conf");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ },
	};
	static struct daemon daemon;
	struct tern_why why = { "" };
	const char *config = TERN_CONFIG;
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "c:fh", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			config = optarg;
			break;
		case 'f':
			break;
		case 'h':
			usage();
			return 0;
		default:
			fputs("ternd --help tells what there is\n", stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "ternd: unexpected \"%s\"; ternd --help tells what there is\n",
			argv[optind]);
		return 2;
	}
	raise_limits();
	rc = set_up(&daemon, config, &why);
	if (rc) {
		tern_log(LOG_ERR, "%s", why.text[0] ? why.text : strerror(-rc));
		return 1;
	}
	tern_log(LOG_INFO, "host %s listens on %s port %u, %u peers", daemon.host.name,
		 daemon.host.listen, daemon.host.port, daemon.host.nr_peers);
	rc = loop(&daemon);
	if (rc)
		tern_log(LOG_ERR, "event loop: %s", strerror(-rc));
	return rc ? 1 : 0;
}
