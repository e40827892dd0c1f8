// SPDX-License-Identifier: GPL-2.0
/* libFuzzer target: a PREPARE message, the network of a pod, and a PAGES message, from anybody. */
#include "../dest_prepare.c"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* By itself, for it comes behind all else. */
static size_t look_net(const unsigned char *data, size_t size)
{
	struct tern_wire_net net = { 0 };
	size_t sum = 0;
	char text[46];
	unsigned int i;

	memcpy(&net, data, size < sizeof(net) ? size : sizeof(net));
	if (tern_net_check(&net))
		return 0;
	for (i = 0; i < net.nr_addresses; i++)
		sum += strlen(tern_net_text(net.address[i].bytes, net.address[i].version, text)) +
		       tern_net_broadcast(&net.address[i]);
	for (i = 0; i < net.nr_routes; i++)
		sum += strlen(tern_net_text(net.route[i].dst, net.route[i].version, text));
	return sum;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const struct tern_wire_range *holes;
	struct tern_dest d = { 0 };
	struct tern_place place;
	size_t sum = look_net(data, size);
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
		sum += d.net ? d.net->mtu : 0;
	}
	if (!tern_place_init(&place, d.prepare, size))
		for (i = 0; i < place.nr; i++)
			sum += place.runs[i].nr;
	free(d.known);
	free(d.prepare);
	return sum == 0xdeadbeef;
}
