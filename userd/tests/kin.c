// SPDX-License-Identifier: GPL-2.0
/* The register of shells: who is found, who waits for whom, and what they tell each other. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kin.h"
#include "test.h"

static const struct tern_peer here = { .name = "a" }, elsewhere = { .name = "b" };
static int cancel;

static struct tern_wire_prepare member(unsigned int n, int pid, int parent)
{
	return (struct tern_wire_prepare) {
		.unit = 7, .nr_members = 3, .member = n, .pid = pid, .parent = parent,
		.maker = parent, .root = 100,
	};
}

static void join(struct tern_kin *kin, unsigned int n, int pid)
{
	struct tern_wire_prepare prepare = member(n, pid, n ? 100 : 0);

	CHECK(!tern_kin_join(kin, &here, &prepare));
}

/* As the job of a parent does it. */
static void *parent(void *arg)
{
	struct tern_kin *kin = arg;
	struct pollfd p = { .fd = kin->bell, .events = POLLIN };
	struct tern_why why = { "" };
	struct tern_spawn spawn;
	int reap;

	while (poll(&p, 1, -1) > 0 && !tern_kin_asked(kin, &spawn, &reap))
		;
	if (spawn.pid == 102)
		strcpy(why.text, "it is taken");
	if (reap)
		tern_kin_answer(kin, reap == 101 ? 0 : -ECHILD, &why);
	else
		tern_kin_answer(kin, spawn.pid == 102 ? -EEXIST : 0, &why);
	return NULL;
}

static int ask(const struct tern_peer *peer, struct tern_kin *of, int pid, int whose,
	       struct tern_why *why)
{
	struct tern_wire_prepare child = member(1, pid, whose);
	const struct tern_spawn spawn = { .pid = pid };
	pthread_t thread;
	int err;

	if (of)
		pthread_create(&thread, NULL, parent, of);
	err = tern_kin_ask(peer, &child, &spawn, cancel, why);
	if (of)
		pthread_join(thread, NULL);
	return err;
}

static void test_births(void)
{
	struct tern_why why = { "" };
	struct tern_spawn spawn;
	struct tern_kin root;
	eventfd_t n;
	int reap;

	join(&root, 0, 100);
	CHECK(!ask(&here, &root, 101, 100, &why));
	CHECK(ask(&here, &root, 102, 100, &why) == -EEXIST);
	CHECK(!strcmp(why.text, "it is taken"));
	/* of another peer, or of nobody */
	CHECK(ask(&elsewhere, NULL, 101, 100, &why) == -ESRCH);
	CHECK(ask(&here, NULL, 101, 99, &why) == -ESRCH);
	/* one that is not answered is taken back */
	eventfd_write(cancel, 1);
	CHECK(ask(&here, NULL, 101, 100, &why) == -ECANCELED);
	CHECK(!tern_kin_asked(&root, &spawn, &reap));
	eventfd_read(cancel, &n);
	tern_kin_leave(&root);
	CHECK(ask(&here, NULL, 101, 100, &why) == -ESRCH);
}

static int reap(struct tern_kin *of, int pid, int whose)
{
	struct tern_wire_prepare child = member(1, pid, whose);
	struct tern_why why = { "" };
	pthread_t thread;
	int err;

	if (of)
		pthread_create(&thread, NULL, parent, of);
	err = tern_kin_ask_reap(&here, &child, cancel, &why);
	if (of)
		pthread_join(thread, NULL);
	return err;
}

static void test_ends(void)
{
	struct tern_why why = { "" };
	struct tern_kin root;

	join(&root, 0, 100);
	CHECK(!reap(&root, 101, 100));
	CHECK(reap(&root, 103, 100) == -ECHILD);
	CHECK(reap(NULL, 101, 99) == -ESRCH);
	/* the next request is one for a child again */
	CHECK(!ask(&here, &root, 101, 100, &why));
	tern_kin_leave(&root);
}

static void *dress_later(void *arg)
{
	usleep(50000);
	tern_kin_dressed(arg);
	return NULL;
}

static void *leave_later(void *arg)
{
	usleep(50000);
	tern_kin_leave(arg);
	return NULL;
}

static int wait_while(struct tern_kin *kin, void *(*what)(void *), struct tern_kin *other,
		      struct tern_why *why)
{
	pthread_t thread;
	int err;

	pthread_create(&thread, NULL, what, other);
	err = tern_kin_wait(kin, cancel, why);
	pthread_join(thread, NULL);
	return err;
}

/* An image that has a descriptor of process @pid. */
static struct tern_image taking_from(int pid)
{
	const struct tern_obj_desc desc = { .kind = TERN_DESC_TAKEN, .dev = pid };
	struct tern_image image = { 0 };

	tern_image_add(&image, TERN_OBJ_DESC, &desc, sizeof(desc), NULL, 0);
	return image;
}

static void test_turns(void)
{
	struct tern_image of_first = taking_from(101), of_root = taking_from(100);
	struct tern_kin root, first, second;
	struct tern_why why = { "" };
	unsigned int was;

	join(&root, 0, 100);
	join(&first, 1, 101);
	join(&second, 2, 102);
	why.text[0] = '\0';
	CHECK(!tern_kin_wait(&root, cancel, &why));
	CHECK(!tern_kin_has(&second, 101));
	tern_kin_made(&first);
	CHECK(tern_kin_has(&second, 101));
	CHECK(!tern_kin_has(&first, 102) && !tern_kin_has(&first, 101));
	was = tern_kin_taken(&second, &of_first);
	CHECK(was && !tern_kin_taken(&second, &of_root) && !tern_kin_taken(&first, &of_first));
	tern_kin_dressed(&root);
	CHECK(wait_while(&second, leave_later, &first, &why) == -ECANCELED);
	CHECK(!tern_kin_taken(&second, &of_first));
	join(&first, 1, 101);
	/* another one with its number is not the same */
	tern_kin_made(&first);
	CHECK(tern_kin_taken(&second, &of_first) && tern_kin_taken(&second, &of_first) != was);
	CHECK(!wait_while(&second, dress_later, &first, &why));
	tern_kin_leave(&first);
	/* the one behind it comes closer */
	CHECK(tern_kin_wait(&second, cancel, &why) == -ECANCELED);
	tern_kin_place(&second, 1);
	CHECK(!tern_kin_wait(&second, cancel, &why));
	tern_image_free(&of_first);
	tern_image_free(&of_root);
	tern_kin_leave(&second);
	tern_kin_leave(&root);
	tern_kin_leave(&root);
}

static void test_files(void)
{
	const struct tern_obj_carried carried = { .id = 1, .ino = 5, .fs = 9 };
	char path[1][NEWFILE_PATH_MAX] = { "/proc/1/fd/7" };
	struct tern_image image = { 0 };
	struct tern_dress dress = { .image = &image, .stash_path = path }, other = { 0 };
	const struct tern_spare spare = { .pid = 100, .fd = 3, .number = 70 };
	struct tern_image of_root = taking_from(100);
	struct tern_kin root, child;
	unsigned int was;

	tern_image_add(&image, TERN_OBJ_CARRIED, &carried, sizeof(carried), NULL, 0);
	join(&root, 0, 100);
	join(&child, 1, 101);
	CHECK(!tern_kin_publish(&root, &dress));
	was = tern_kin_taken(&child, &of_root);
	/* the same once more is no change, another one is */
	CHECK(was && !tern_kin_publish(&root, &dress) && tern_kin_taken(&child, &of_root) == was);
	path[0][strlen(path[0]) - 1] = '8';
	CHECK(!tern_kin_publish(&root, &dress) && tern_kin_taken(&child, &of_root) != was);
	tern_image_free(&of_root);
	/* sockets change only if all descriptors do */
	dress.anew = true;
	dress.spare = malloc(sizeof(spare));
	*dress.spare = spare;
	dress.nr_spares = 1;
	CHECK(!tern_kin_publish(&root, &dress) && !dress.spare);
	dress.anew = false;
	dress.nr_spares = 0;
	CHECK(!tern_kin_publish(&root, &dress));
	CHECK(!tern_kin_look(&child, &other) && other.nr_taken_files == 1);
	CHECK(other.taken_file[0].pid == 100 && other.taken_file[0].ino == 5 &&
	   other.taken_file[0].fs == 9 && !strcmp(other.taken_file[0].path, path[0]));
	CHECK(other.nr_mates == 1 && !memcmp(other.mate, &spare, sizeof(spare)));
	free(other.taken_file);
	free(other.mate);
	CHECK(!tern_kin_look(&root, &other) && !other.nr_taken_files && !other.nr_mates);
	free(other.taken_file);
	free(other.mate);
	tern_kin_leave(&child);
	tern_kin_leave(&root);
	tern_image_free(&image);
}

int main(void)
{
	cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	test_births();
	test_ends();
	test_turns();
	test_files();
	return done();
}
