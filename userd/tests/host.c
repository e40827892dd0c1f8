// SPDX-License-Identifier: GPL-2.0
/*
 * Which hosts fit together: what a program may have found in the processor must be
 * there on the other one; how the kernels look is of no interest.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dev.h"
#include "host.h"
#include "test.h"

static struct tern_wire_hello here, there;
static struct tern_why why;

static int fits(const char *from, const char *to)
{
	memset(&why, 0, sizeof(why));
	snprintf(here.cpu, sizeof(here.cpu), "%s", from);
	snprintf(there.cpu, sizeof(there.cpu), "%s", to);
	return tern_host_fits(&here, &there, &why);
}

static void processors(void)
{
	CHECK(!fits("fpu sse sse2", "fpu sse sse2"));
	/* more is fine */
	CHECK(!fits("fpu sse", "avx fpu avx512f sse"));
	CHECK(fits("fpu sse avx2", "fpu sse") == -EXDEV);
	CHECK(strstr(why.text, "host there has no \"avx2\""));
	/* names within names */
	CHECK(fits("fpu avx", "fpu avx2 xavx") == -EXDEV && strstr(why.text, "\"avx\""));
	CHECK(fits("fpu avx2", "fpu avx") == -EXDEV && strstr(why.text, "\"avx2\""));
	/* the kernel's own affair, and only that */
	CHECK(!fits("fpu smep vmx hypervisor constant_tsc", "fpu"));
	CHECK(fits("smep smeppy", "smep") == -EXDEV && strstr(why.text, "\"smeppy\""));
	CHECK(!fits("", "fpu"));
}

static void states(void)
{
	here.xfeatures = 7;
	there.xfeatures = 0xe7;
	CHECK(fits("fpu", "fpu") == -EXDEV && strstr(why.text, "extended processor state"));
	there.xfeatures = 7;
	there.xstate_size = 832;
	CHECK(fits("fpu", "fpu") == -EXDEV && strstr(why.text, "extended processor state"));
	here.xstate_size = 832;
	CHECK(!fits("fpu", "fpu"));
}

int main(void)
{
	strcpy(there.host, "there");
	here.vdso = 1;
	there.vdso = 2;
	processors();
	states();
	return done();
}
