// SPDX-License-Identifier: GPL-2.0
/*
 * The gauge against links and packers of all sorts, in a time of the test's own:
 * a socket that holds so much, a link that takes so much per second out of it,
 * and a packer of a certain speed whose output is of a certain size.
 */
#include <string.h>

#include "gauge.h"
#include "test.h"

#define MB		1e6
#define BATCH		(256.0 * 1024)
#define ROOM		(512.0 * 1024)
#define PLAIN_NS	150000		/* of processor time, to send a batch */

static struct world {
	struct tern_gauge gauge;
	double now;		/* ns */
	double link, pack;	/* bytes per second */
	double ratio;		/* of what is packed to what it was */
	double trip;		/* ns */
	double queue, acked, shut;
	double sent;		/* bytes of pages */
	double packed;		/* batches */
	bool slow_peer;		/* the window is shut while the queue is not empty */
} w;

static void pass(double ns)
{
	double gone = w.link * ns / 1e9;

	if (gone > w.queue)
		gone = w.queue;
	else if (w.slow_peer)
		w.shut += ns;
	w.queue -= gone;
	w.acked += gone;
	w.now += ns;
}

static void send_batch(void)
{
	struct tern_gauge_batch batch = { 0 };
	struct tern_gauge_line line;
	double raw = w.gauge.trying && !w.gauge.tried ? BATCH / 4 : BATCH, wire = raw;

	w.sent += raw;
	if (w.gauge.packing) {
		w.packed++;
		wire *= w.ratio;
		batch.raw = raw;
		batch.wire = wire;
		batch.pack_ns = raw / w.pack * 1e9;
		pass(batch.pack_ns);
	}
	batch.full = w.queue > ROOM * 2 / 3;
	if (tern_gauge_add(&w.gauge, &batch, w.now)) {
		line.acked = w.acked;
		line.shut_ns = w.shut;
		line.trip_ns = w.trip;
		tern_gauge_turn(&w.gauge, &line, w.now);
	}
	pass(PLAIN_NS * wire / BATCH);
	if (w.queue + wire > ROOM)
		pass((w.queue + wire - ROOM) / w.link * 1e9);
	w.queue += wire;
}

static void set(double link, double pack, double ratio)
{
	w.link = link;
	w.pack = pack;
	w.ratio = ratio;
}

/* Bytes of pages per second, over so many batches. */
static double speed(unsigned int batches)
{
	double since = w.now;

	w.packed = 0;
	w.sent = 0;
	while (w.sent < batches * BATCH)
		send_batch();
	return w.sent / (w.now - since) * 1e9;
}

static void anew(double link, double pack, double ratio)
{
	memset(&w, 0, sizeof(w));
	w.now = 1e12;
	set(link, pack, ratio);
}

static void steady(void)
{
	/* a slow link: as much faster as pages become smaller */
	anew(10 * MB, 300 * MB, 0.4);
	CHECK(speed(1000) > 24 * MB);
	/* packing is what holds it up, and better all the same */
	anew(100 * MB, 300 * MB, 0.1);
	CHECK(speed(10000) > 285 * MB);
	/* of no use: hardly anything is lost */
	anew(1000 * MB, 300 * MB, 0.3);
	CHECK(speed(10000) > 970 * MB);
	anew(1000 * MB, 300 * MB, 1.0);
	CHECK(speed(10000) > 970 * MB);
	anew(110 * MB, 300 * MB, 1.0);
	CHECK(speed(10000) > 107 * MB);
	anew(110 * MB, 50 * MB, 1.0);
	CHECK(speed(10000) > 107 * MB);
	/* a short flush has not the time to lose much either */
	anew(1000 * MB, 200 * MB, 1.0);
	CHECK(speed(256) > 950 * MB);
	/* the processor holds it up, and not the link */
	anew(100000 * MB, 300 * MB, 0.1);
	speed(1000);
	CHECK(!w.packed);
	/* nothing becomes smaller at once, but may be met again: the time is there */
	anew(10 * MB, 300 * MB, 1.0);
	CHECK(speed(1000) > 9.8 * MB && w.packed > 900);
}

static void far_away(void)
{
	anew(10 * MB, 300 * MB, 0.4);
	w.trip = 40e6;
	CHECK(speed(1000) > 22 * MB);
	/* the peer is slow, and bytes that it need not receive do not help it */
	anew(50 * MB, 300 * MB, 0.4);
	w.slow_peer = true;
	speed(1000);
	CHECK(!w.packed);
}

static void changes(void)
{
	/* the link, for better and for worse */
	anew(10 * MB, 300 * MB, 0.3);
	speed(1000);
	w.link = 1000 * MB;
	speed(2000);
	CHECK(speed(4000) > 950 * MB);
	w.link = 10 * MB;
	speed(100);
	CHECK(speed(1000) > 30 * MB);
	/* and the pages */
	anew(110 * MB, 300 * MB, 1.0);
	speed(2000);
	w.ratio = 0.2;
	speed(1000);
	CHECK(speed(2000) > 280 * MB);
	w.ratio = 1.0;
	w.pack = 80 * MB;
	speed(10);
	CHECK(speed(2000) > 106 * MB);
}

/* A processor that was busy elsewhere when packing was tried first. */
static void disturbed(void)
{
	anew(2.5 * MB, 2 * MB, 0.1);
	speed(8);
	CHECK(!w.gauge.packing && w.gauge.try_ns);
	w.pack = 25 * MB;
	speed(8);
	CHECK(w.gauge.packing);
}

/* Pages repeat others, but those are far away. */
static void repeats(void)
{
	anew(110 * MB, 300 * MB, 1.0);
	speed(30);
	CHECK(w.gauge.packing && w.gauge.trying);
	w.ratio = 0.3;
	speed(100);
	CHECK(w.gauge.packing && !w.gauge.trying);
	CHECK(speed(2000) > 280 * MB);
	/* none within the window */
	anew(110 * MB, 300 * MB, 1.0);
	speed(100);
	CHECK(!w.gauge.packing);
}

int main(void)
{
	steady();
	disturbed();
	repeats();
	far_away();
	changes();
	return done();
}
