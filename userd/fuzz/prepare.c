// SPDX-License-Identifier: GPL-2.0
/* libFuzzer target: a PREPARE message, and a PAGES message, from anybody. */
#include "../dest_prepare.c"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const struct tern_wire_range *holes;
	struct tern_dest d = { 0 };
	struct tern_place place;
	size_t sum = 0;
	unsigned int i;

	d.prepare = malloc(size ? size : 1);
	if (!d.prepare)
		return 0;
	memcpy(d.prepare, data, size);
	if (size >= sizeof(*d.prepare) && !parse(&d, size, &holes)) {
		for (i = 0; i < d.prepare->nr_threads; i++)
			sum += d.tids[i];
		for (i = 0; i < d.prepare->nr_holes; i++)
			sum += holes[i].end;
		for (i = 0; i < d.prepare->nr_files; i++)
			sum += strlen(d.known[i].path) + d.known[i].file.flags;
		for (i = 0; d.net && i < d.net->nr_addresses; i++)
			sum += d.net->address[i].bytes[15];
		for (i = 0; d.net && i < d.net->nr_routes; i++)
			sum += d.net->route[i].metric;
	}
	if (!tern_place_init(&place, d.prepare, size))
		for (i = 0; i < place.nr; i++)
			sum += place.runs[i].nr;
	free(d.known);
	free(d.prepare);
	return sum == 0xdeadbeef;
}
