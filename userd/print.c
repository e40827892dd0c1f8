// SPDX-License-Identifier: GPL-2.0
/*
 * Figures for people and for programs. Times and sizes get the unit in which
 * they read best; JSON has nanoseconds and bytes.
 *
 * Owns nothing.
 */
#include <string.h>

#include "tern.h"

#define PAGE	4096ULL

/**
 * show_ns() - a time with its unit
 * @buf: filled
 * @size: its size
 * @ns: nanoseconds
 */
const char *show_ns(char *buf, size_t size, __u64 ns)
{
	if (ns < 1000000)
		snprintf(buf, size, "%.1f us", ns / 1e3);
	else if (ns < 1000000000)
		snprintf(buf, size, "%.2f ms", ns / 1e6);
	else if (ns < 120 * 1000000000ULL)
		snprintf(buf, size, "%.2f s ", ns / 1e9);
	else
		snprintf(buf, size, "%.1f min", ns / 60e9);
	return buf;
}

/**
 * show_bytes() - a size with its unit
 * @buf: filled
 * @size: its size
 * @bytes: bytes
 */
const char *show_bytes(char *buf, size_t size, __u64 bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = bytes;
	unsigned int i = 0;

	while (value >= 1024 && i < 4) {
		value /= 1024;
		i++;
	}
	snprintf(buf, size, i ? "%.1f %s" : "%.0f %s", value, units[i]);
	return buf;
}

/**
 * side_name() - which half of a migration
 * @side: enum tern_side
 */
const char *side_name(unsigned int side)
{
	return side == TERN_SOURCE ? "source" : side == TERN_DESTINATION ? "destination" : "?";
}

/* ---- JSON ---- */

/**
 * print_string() - a JSON string
 * @f: to there
 * @text: any bytes; what is not ASCII text is escaped
 */
void print_string(FILE *f, const char *text)
{
	putc('"', f);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < ' ' || c >= 0x7f)
			fprintf(f, "\\u%04x", c);
		else
			putc(c, f);
	}
	putc('"', f);
}

static const char *const phases[__TERN_PHASE_MAX] = {
	[TERN_PHASE_PARK] = "park",
	[TERN_PHASE_CAPTURE] = "capture",
	[TERN_PHASE_SEND] = "send",
	[TERN_PHASE_RECEIVE] = "receive",
	[TERN_PHASE_REBUILD] = "rebuild",
	[TERN_PHASE_FIRST_PAGES] = "first_pages",
	[TERN_PHASE_RESUME] = "resume",
	[TERN_PHASE_TOTAL] = "total",
	[TERN_PHASE_PAGING] = "paging",
};

static void json_number(FILE *f, const char *name, __u64 value)
{
	fprintf(f, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void json_report(FILE *f, const struct tern_report *r)
{
	unsigned int i;

	fputs(",\"phase_ns\":{", f);
	for (i = 0; i < __TERN_PHASE_MAX; i++)
		fprintf(f, "%s\"%s\":%llu", i ? "," : "", phases[i],
			(unsigned long long)r->phase_ns[i]);
	fputs("}", f);
	json_number(f, "pages_total", r->pages_total);
	json_number(f, "pages_moved", r->pages_moved);
	json_number(f, "pages_zero", r->pages_zero);
	json_number(f, "pages_first", r->pages_first);
	json_number(f, "faults", r->faults);
	json_number(f, "faults_local", r->faults_local);
	json_number(f, "bytes", r->bytes);
	json_number(f, "blast_bytes", r->blast_bytes);
	json_number(f, "oneway_ns", r->oneway_ns);
	json_number(f, "reconnects", r->reconnects);
	json_number(f, "floor_ns", r->floor_ns);
	json_number(f, "pages_ahead", r->pages_ahead);
	json_number(f, "pages_twice", r->pages_twice);
	json_number(f, "pages_before", r->pages_before);
}

/**
 * print_json() - a migration as one JSON object, without an end of line
 * @f: to there
 * @m: the migration
 */
void print_json(FILE *f, const struct tern_info_migration *m)
{
	fprintf(f, "{\"id\":\"" ID_FMT "\",\"side\":\"%s\",\"state\":\"%s\",\"pid\":%d",
		(unsigned long long)m->id, side_name(m->side), tern_state_name(m->state), m->pid);
	if (m->unit)
		fprintf(f, ",\"unit\":\"" ID_FMT "\"", (unsigned long long)m->unit);
	fputs(",\"comm\":", f);
	print_string(f, m->comm);
	fputs(",\"host\":", f);
	print_string(f, m->host);
	json_number(f, "age_ns", m->age_ns);
	json_number(f, "flags", m->flags);
	json_number(f, "error", m->error);
	json_number(f, "sockets_late", m->late);
	json_number(f, "connections_reset", m->reset);
	fputs(",\"reason\":", f);
	print_string(f, m->reason);
	json_report(f, &m->report);
	fputs("}", f);
}

/* ---- tables ---- */

static void row(FILE *f, const char *name, const char *value, const char *note)
{
	fprintf(f, "  %-24s %14s%s%s\n", name, value, *note ? "   " : "", note);
}

static void row_ns(FILE *f, const char *name, __u64 ns, const char *note)
{
	char buf[32];

	row(f, name, ns ? show_ns(buf, sizeof(buf), ns) : "-", note);
}

static void row_count(FILE *f, const char *name, __u64 n, const char *note)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%llu", (unsigned long long)n);
	row(f, name, buf, note);
}

static void row_pages(FILE *f, const char *name, __u64 pages)
{
	char buf[32];

	row_count(f, name, pages, show_bytes(buf, sizeof(buf), pages * PAGE));
}

static void row_bytes(FILE *f, const char *name, __u64 bytes)
{
	char buf[32];

	row(f, name, show_bytes(buf, sizeof(buf), bytes), "");
}

static void print_latency(FILE *f, const struct tern_report *r)
{
	static const struct {
		const char *name, *where;
	} rows[] = {
		[TERN_PHASE_PARK] = { "park", "source" },
		[TERN_PHASE_CAPTURE] = { "capture", "source" },
		[TERN_PHASE_SEND] = { "send", "source" },
		[TERN_PHASE_RECEIVE] = { "receive", "destination" },
		[TERN_PHASE_REBUILD] = { "rebuild", "destination" },
		[TERN_PHASE_FIRST_PAGES] = { "first pages", "destination" },
		[TERN_PHASE_RESUME] = { "resume", "destination" },
	};
	unsigned int i;

	fputs("latency period\n", f);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		row_ns(f, rows[i].name, r->phase_ns[i], rows[i].where);
	row_ns(f, "one-way time", r->oneway_ns, "link");
	row_ns(f, "total", r->phase_ns[TERN_PHASE_TOTAL],
	       "last stop to first step; phases overlap");
	row_bytes(f, "blast", r->blast_bytes);
	row_ns(f, "floor", r->floor_ns, "the warm link's own time for about as many bytes");
}

static void print_paging(FILE *f, const struct tern_report *r)
{
	fputs("paging\n", f);
	row_pages(f, "pages", r->pages_total);
	row_pages(f, "moved", r->pages_moved);
	row_pages(f, "named as zero", r->pages_zero);
	row_pages(f, "sent before the move", r->pages_before);
	row_pages(f, "in the blast", r->pages_first);
	row_count(f, "faults over the link", r->faults, "");
	row_count(f, "faults answered locally", r->faults_local, "");
	row_pages(f, "foreseen, and in time", r->pages_ahead);
	row_pages(f, "sent in vain", r->pages_twice);
	row_bytes(f, "bytes on the wire", r->bytes);
	row_count(f, "links made again", r->reconnects, "");
	row_ns(f, "time to independence", r->phase_ns[TERN_PHASE_PAGING], "");
}

/**
 * print_report() - the phases of the latency period, and the paging
 * @f: to there
 * @m: the migration
 */
void print_report(FILE *f, const struct tern_info_migration *m)
{
	print_latency(f, &m->report);
	print_paging(f, &m->report);
}
