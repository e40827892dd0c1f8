// SPDX-License-Identifier: GPL-2.0
/*
 * What this host is: its HELLO, its peers, and whether a migrant of one host
 * fits on another.
 *
 * Owns nothing that changes after start-up, holds no locks.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev.h"
#include "host.h"

/**
 * tern_log() - write a line for the journal
 * @level: LOG_*, written as systemd's "<n>" prefix
 * @fmt: one line, without its end
 */
void tern_log(int level, const char *fmt, ...)
{
	char line[1024];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line) - 8, fmt, args);
	va_end(args);
	/* one write per line, so that threads do not mix theirs */
	if (n >= 0)
		dprintf(STDERR_FILENO, "<%d>%s\n", level, line);
}

static int probe_boot_id(struct tern_wire_hello *hello)
{
	char text[64] = "";
	unsigned int n = 0;
	const char *c;
	FILE *f;

	f = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (!f)
		return -errno;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	for (c = text; *c && n < sizeof(hello->boot_id);) {
		unsigned int byte;

		if (*c == '-') {
			c++;
			continue;
		}
		if (sscanf(c, "%2x", &byte) != 1 || !c[1])
			break;
		hello->boot_id[n++] = byte;
		c += 2;
	}
	return n == sizeof(hello->boot_id) ? 0 : -EIO;
}

static int probe_cpu(struct tern_wire_hello *hello)
{
	size_t size = 0;
	char *line = NULL;
	int rc = -ENODATA;
	FILE *f;

	f = fopen("/proc/cpuinfo", "re");
	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0) {
		char *flags = strchr(line, ':');

		if (strncmp(line, "flags", 5) || !flags)
			continue;
		flags += strspn(flags, ": \t");
		flags[strcspn(flags, "\n")] = '\0';
		rc = -E2BIG;
		if (strlen(flags) < sizeof(hello->cpu)) {
			strcpy(hello->cpu, flags);
			rc = 0;
		}
		break;
	}
	free(line);
	fclose(f);
	return rc;
}

/**
 * tern_host_probe() - complete a host's HELLO with what this machine is
 * @host: configured
 * @dev: handle of /dev/tern
 * @why: what could not be found out
 */
int tern_host_probe(struct tern_host *host, int dev, struct tern_why *why)
{
	struct tern_wire_hello *hello = &host->hello;
	struct tern_info info = { .size = sizeof(info) };
	int rc;

	hello->magic = TERN_WIRE_MAGIC;
	hello->version = TERN_WIRE_VERSION;
	memcpy(hello->host, host->name, sizeof(hello->host));
	rc = tern_dev_info(dev, &info);
	if (rc)
		return tern_why_set(why, rc, "/dev/tern does not answer: %s; does tern.ko fit this daemon?",
				    strerror(-rc));
	if (info.abi != TERN_ABI_VERSION)
		return tern_why_set(why, -EPROTO,
				    "tern.ko speaks interface %u, this daemon %u: install both from one release",
				    info.abi, TERN_ABI_VERSION);
	hello->xfeatures = info.xfeatures;
	hello->xstate_size = info.xstate_size;
	rc = probe_boot_id(hello);
	if (rc)
		return tern_why_set(why, rc, "/proc/sys/kernel/random/boot_id: %s; is /proc mounted?",
				    strerror(-rc));
	rc = probe_cpu(hello);
	if (rc)
		return tern_why_set(why, rc, "/proc/cpuinfo: %s", strerror(-rc));
	rc = tern_vdso_own(&host->vdso);
	if (rc)
		return tern_why_set(why, rc, "no vDSO found: is the kernel booted with vdso=0?");
	hello->vdso = tern_vdso_hash(&host->vdso);
	return 0;
}

/*
 * Flags that tell about the kernel's own work, or about the machine, and not
 * about instructions that a program could have chosen to use.
 */
static const char *const not_for_programs[] = {
	"acpi", "aperfmperf", "apic", "arat", "arch_capabilities", "arch_perfmon", "art",
	"bts", "constant_tsc", "cpuid", "cpuid_fault", "cqm", "de", "ds_cpl", "dtes64", "dts",
	"ept", "ept_ad", "epb", "est", "extd_apicid", "flexpriority", "flush_l1d", "ht",
	"hwp", "hypervisor", "ibpb", "ibrs", "ibrs_enhanced", "ida", "intel_pt", "invpcid",
	"invpcid_single", "lbrv", "mca", "mce", "md_clear", "monitor", "mtrr", "nonstop_tsc",
	"nopl", "npt", "nrip_save", "nx", "pae", "pat", "pbe", "pcid", "pdcm", "pdpe1gb",
	"pebs", "pge", "pln", "pse", "pse36", "pti", "pts", "rep_good", "retpoline", "sep",
	"smap", "smep", "smx", "ss", "ssbd", "stibp", "svm", "tm", "tm2", "tpr_shadow",
	"tsc_adjust", "tsc_deadline_timer", "tsc_known_freq", "tsc_reliable", "umip", "vme",
	"vmmcall", "vmx", "vnmi", "vpid", "x2apic", "xtopology", "xtpr",
};

static bool has_flag(const char *flags, const char *flag, size_t len)
{
	const char *p = flags;

	while (*p) {
		size_t n = strcspn(p, " ");

		if (n == len && !memcmp(p, flag, n))
			return true;
		p += n;
		p += strspn(p, " ");
	}
	return false;
}

static bool for_programs(const char *flag, size_t len)
{
	unsigned int i;

	for (i = 0; i < sizeof(not_for_programs) / sizeof(not_for_programs[0]); i++)
		if (strlen(not_for_programs[i]) == len &&
		    !memcmp(not_for_programs[i], flag, len))
			return false;
	return true;
}

/**
 * tern_host_fits() - may a migrant of one host run on another?
 * @from: what the source said
 * @to: what the destination said
 * @why: what does not fit
 */
int tern_host_fits(const struct tern_wire_hello *from, const struct tern_wire_hello *to,
		   struct tern_why *why)
{
	const char *p = from->cpu;

	while (*p) {
		size_t n = strcspn(p, " ");

		if (n && for_programs(p, n) && !has_flag(to->cpu, p, n))
			return tern_why_set(why, -EXDEV,
					    "host %s has no \"%.*s\", which the processor here has and programs may use: move to a host that has it",
					    to->host, n < 32 ? (int)n : 32, p);
		p += n;
		p += strspn(p, " ");
	}
	if (from->xfeatures != to->xfeatures || from->xstate_size != to->xstate_size)
		return tern_why_set(why, -EXDEV,
				    "host %s keeps another extended processor state (features %#llx, %u bytes; here %#llx, %u bytes): move between alike processors",
				    to->host, (unsigned long long)to->xfeatures, to->xstate_size,
				    (unsigned long long)from->xfeatures, from->xstate_size);
	return 0;
}

/* Only text may reach a log or a terminal; both fields get their NUL. */
static bool clean(char *text, size_t size)
{
	size_t i;

	text[size - 1] = '\0';
	for (i = 0; text[i]; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return i > 0;
}

/**
 * tern_hello_check() - can we go on with a peer that said this?
 * @hello: as received; its strings are ended
 * @why: what is wrong
 */
int tern_hello_check(struct tern_wire_hello *hello, struct tern_why *why)
{
	if (hello->magic != TERN_WIRE_MAGIC)
		return tern_why_set(why, -EPROTO, "the peer is no ternd: check address and port");
	if (hello->version != TERN_WIRE_VERSION)
		return tern_why_set(why, -EPROTO,
				    "the peer speaks version %u of the protocol, we %u: install the same release on both",
				    hello->version, TERN_WIRE_VERSION);
	if (hello->lane > TERN_LANE_FRAMES || hello->flags || !hello->id ||
	    !clean(hello->host, sizeof(hello->host)) || !clean(hello->cpu, sizeof(hello->cpu)))
		return tern_why_set(why, -EPROTO, "the peer's greeting is malformed");
	return 0;
}
