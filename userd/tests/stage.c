// SPDX-License-Identifier: GPL-2.0
/* Pages kept aside: what comes last counts, what is dropped is gone, rubbish is refused. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stage.h"
#include "test.h"

#include <tern/wire.h>

#define PAGE	4096ULL
#define ADDR	0x7f0000000000ULL

static struct tern_stage stage;
static char data[4 * PAGE];

static struct message {
	struct tern_wire_pages head;
	struct tern_wire_run run[2];
	char data[4 * PAGE];
} m;

static int put(__u64 addr, unsigned int nr, char with, size_t cut)
{
	m.head = (struct tern_wire_pages) { .nr_runs = 2 };
	m.run[0] = (struct tern_wire_run) { .addr = addr, .nr = 1 };
	m.run[1] = (struct tern_wire_run) { .addr = addr + PAGE, .nr = nr - 1 };
	memset(m.data, with, sizeof(m.data));
	return tern_stage_put(&stage, &m, sizeof(m) - sizeof(m.data) + nr * PAGE - cut);
}

static bool holds(__u64 addr, char what)
{
	if (tern_stage_run(&stage, addr, 1) != 1 || tern_stage_read(&stage, addr, 1, data))
		return false;
	return *data == what && !memcmp(data, data + 1, PAGE - 1);
}

static void keeps(void)
{
	CHECK(!put(ADDR, 4, 'a', 0));
	CHECK(!put(ADDR + 2 * PAGE, 2, 'b', 0));
	CHECK(tern_stage_run(&stage, ADDR, 100) == 4 && tern_stage_run(&stage, ADDR, 3) == 3);
	CHECK(holds(ADDR + PAGE, 'a') && holds(ADDR + 2 * PAGE, 'b') && holds(ADDR + 3 * PAGE, 'b'));
	CHECK(!tern_stage_run(&stage, ADDR + 4 * PAGE, 1) && !tern_stage_run(&stage, ADDR - PAGE, 1));
	CHECK(!tern_stage_drop(&stage, ADDR + PAGE, 2));
	CHECK(tern_stage_run(&stage, ADDR, 100) == 1 && stage.have.count == 2);
	CHECK(!tern_stage_run(&stage, ADDR + 2 * PAGE, 1) && holds(ADDR + 3 * PAGE, 'b'));
}

static void refuses(void)
{
	CHECK(put(ADDR, 4, 'c', 8) == -EPROTO);
	CHECK(put(ADDR + 1, 4, 'c', 0) == -EPROTO);
	CHECK(put(1ULL << 47, 4, 'c', 0) == -EPROTO);
	CHECK(put(0x7fffffffe000ULL, 4, 'c', 0) == -EPROTO);
	m.head = (struct tern_wire_pages) { .nr_runs = 1 };
	m.run[0] = (struct tern_wire_run) { ADDR, 1, TERN_WIRE_RUN_ZERO };
	CHECK(tern_stage_put(&stage, &m, sizeof(m.head) + sizeof(m.run[0])) == -EPROTO);
	CHECK(holds(ADDR, 'a') && stage.have.count == 2);
}

/* Without room a page is not there, and what it was before even less so. */
static void is_full(void)
{
	stage.room = 3;
	CHECK(!put(ADDR + 10 * PAGE, 4, 'd', 0));
	CHECK(!tern_stage_run(&stage, ADDR + 11 * PAGE, 1));
	CHECK(!put(ADDR, 4, 'd', 0));
	CHECK(!tern_stage_run(&stage, ADDR + 1 * PAGE, 1));
	CHECK(holds(ADDR, 'd'));
}

int main(void)
{
	stage.room = tern_stage_room();
	CHECK(stage.room > 1000);
	keeps();
	refuses();
	is_full();
	tern_stage_fini(&stage);
	tern_stage_fini(&stage);
	return done();
}
