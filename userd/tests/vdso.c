// SPDX-License-Identifier: GPL-2.0
/*
 * A copy of this kernel's vDSO plays the one of another kernel: its code without
 * the kernel's data, then diverted, is called and must tell the time. Then files
 * that are no vDSO.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "test.h"
#include "vdso.h"

#define DATA	(64UL << 12)	/* more than any kernel has before its code */

typedef int (*gettime_fn)(clockid_t clock, struct timespec *ts);
typedef int (*gettimeofday_fn)(struct timeval *tv, void *tz);
typedef time_t (*time_fn)(time_t *t);

static struct tern_vdso own;
static char *copy;

/* The function of that name, in the copy. */
static void *in_copy(const char *name)
{
	void *lib = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
	char *at = lib ? dlsym(lib, name) : NULL;

	return at ? copy + (at - (char *)own.text) : NULL;
}

static long long now(clockid_t clock)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static bool tells(clockid_t clock)
{
	gettime_fn gettime = (gettime_fn)in_copy("__vdso_clock_gettime");
	long long before = now(clock), got;
	struct timespec ts;

	if (gettime(clock, &ts))
		return false;
	got = ts.tv_sec * 1000000000LL + ts.tv_nsec;
	return before <= got && got <= now(clock);
}

static bool tells_coarse(void)
{
	gettimeofday_fn get = (gettimeofday_fn)in_copy("__vdso_gettimeofday");
	time_fn seconds = (time_fn)in_copy("__vdso_time");
	long long before = now(CLOCK_REALTIME_COARSE) / 1000000000, got;
	struct timeval tv;

	got = seconds(NULL);
	return !get(&tv, NULL) && got >= before && tv.tv_sec >= got && tells(CLOCK_MONOTONIC_COARSE);
}

static void map_copy(void)
{
	copy = mmap(NULL, DATA + own.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	CHECK(copy != MAP_FAILED);
	mprotect(copy, DATA, PROT_READ);
	copy += DATA;
	memcpy(copy, own.text, own.size);
}

static void diverted(void)
{
	struct tern_why why = { "" };

	CHECK(!mprotect(copy, own.size, PROT_READ | PROT_EXEC));
	/* as a thread finds it that comes back into the midst of the original code */
	CHECK(tells(CLOCK_MONOTONIC) && tells(CLOCK_REALTIME) && tells(CLOCK_BOOTTIME));
	CHECK(!mprotect(copy, own.size, PROT_READ | PROT_WRITE));
	CHECK(!tern_vdso_divert(copy, own.size, &own, (unsigned long)own.text, &why));
	CHECK(!mprotect(copy, own.size, PROT_READ | PROT_EXEC));
	CHECK(tells(CLOCK_MONOTONIC) && tells(CLOCK_REALTIME) && tells(CLOCK_BOOTTIME));
	CHECK(tells_coarse());
}

/* The dynamic symbols, in @text. */
static Elf64_Sym *symbols(char *text, unsigned int *nr)
{
	Elf64_Ehdr *e = (Elf64_Ehdr *)text;
	Elf64_Shdr *s = (Elf64_Shdr *)(text + e->e_shoff);
	unsigned int i;

	for (i = 0; i < e->e_shnum; i++)
		if (s[i].sh_type == SHT_DYNSYM) {
			*nr = s[i].sh_size / sizeof(Elf64_Sym);
			return (Elf64_Sym *)(text + s[i].sh_offset);
		}
	return NULL;
}

enum spoil { SHORT, BEYOND, WRAPS, CLOSE, NO_TABLE, NO_ELF, CUT };

static int spoiled(enum spoil how)
{
	char *text = malloc(own.size);
	struct tern_why why = { "" };
	size_t size = own.size;
	unsigned int nr = 0, i;
	Elf64_Sym *sym;
	int err;

	memcpy(text, own.text, size);
	sym = symbols(text, &nr);
	for (i = 1; i < nr; i++) {
		if (how == SHORT)
			sym[i].st_size = 13;
		else if (how == BEYOND)
			sym[i].st_value = size - 13;
		else if (how == WRAPS)
			sym[i].st_size = ~0ULL;
		else if (how == CLOSE)
			sym[i].st_value = 0x800 + i;
	}
	if (how == NO_TABLE)
		((Elf64_Ehdr *)text)->e_shoff = size - 8;
	else if (how == NO_ELF)
		text[1] = 'e';
	else if (how == CUT)
		size = 64;
	err = tern_vdso_divert(text, size, &own, (unsigned long)own.text, &why);
	free(text);
	return why.text[0] ? err : 0;
}

/* A clock that the other kernel does not have, and a function that needs no clock. */
static void lacks(void)
{
	char *text = malloc(own.size), *other = malloc(own.size), *at;
	struct tern_vdso to = { other, own.size };
	struct tern_why why = { "" };

	memcpy(text, own.text, own.size);
	memcpy(other, own.text, own.size);
	at = memmem(other, own.size, "__vdso_getcpu", 13);
	at[7] = 'G';
	CHECK(!tern_vdso_divert(text, own.size, &to, 0x10000, &why));
	memcpy(text, own.text, own.size);
	at = memmem(other, own.size, "__vdso_time", 12);
	at[7] = 'T';
	CHECK(tern_vdso_divert(text, own.size, &to, 0x10000, &why) == -EOPNOTSUPP);
	CHECK(strstr(why.text, "\"time\""));
	free(text);
	free(other);
}

/* With an argument: write this kernel's vDSO there, for the fuzzer to start with. */
static int write_seed(const char *path)
{
	FILE *f = fopen(path, "we");
	bool ok = f && fwrite(own.text, own.size, 1, f) == 1;

	return f && !fclose(f) && ok ? 0 : 1;
}

int main(int argc, char **argv)
{
	enum spoil how;

	CHECK(!tern_vdso_own(&own) && own.size && own.size <= TERN_VDSO_MAX);
	if (argc > 1)
		return write_seed(argv[1]);
	map_copy();
	diverted();
	for (how = SHORT; how <= CUT; how++)
		CHECK(spoiled(how) == -EBADMSG);
	lacks();
	return done();
}
