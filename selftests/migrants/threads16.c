// SPDX-License-Identifier: GPL-2.0
/*
 * Sixteen threads, each with contents of its own in every register that a thread
 * has: general ones, AVX (SSE where there is no AVX), the x87 stack, the control
 * words of both, thread-local storage. They stay in the registers during a long
 * loop without a system call, so that a migration meets them there, and are
 * compared after it. Between the loops neighbours wait for each other.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "migrant.h"

#define THREADS		16
#define SPIN		2000000

/**
 * struct regs - what a thread puts into its registers, and what it finds there
 * @ymm: ymm0 to ymm15 (low halves only, without AVX)
 * @st: the x87 stack, from the bottom
 * @gpr: r8 to r15
 * @mxcsr: SSE control
 * @fcw: x87 control
 */
struct regs {
	uint8_t ymm[16][32];
	double st[8];
	uint64_t gpr[8];
	uint32_t mxcsr;
	uint16_t fcw;
} __attribute__((aligned(64)));

struct pair {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	uint64_t turn;
	bool stop;
};

static bool avx;
static _Atomic bool stop;
static _Atomic uint64_t loops[THREADS];
static struct pair pairs[THREADS / 2];
static __thread uint64_t tls[512];

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) \
		X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define LOAD_YMM(n)	"vmovdqu " #n "*32(%%rsi), %%ymm" #n "\n\t"
#define SAVE_YMM(n)	"vmovdqu %%ymm" #n ", " #n "*32(%%rdi)\n\t"
#define LOAD_XMM(n)	"movdqu " #n "*32(%%rsi), %%xmm" #n "\n\t"
#define SAVE_XMM(n)	"movdqu %%xmm" #n ", " #n "*32(%%rdi)\n\t"
#define X87(X)		X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define LOAD_ST(n)	"fldl 512+" #n "*8(%%rsi)\n\t"
#define SAVE_ST(n)	"fstpl 512+(7-" #n ")*8(%%rdi)\n\t"
#define GPRS(X)		X(8, 0) X(9, 1) X(10, 2) X(11, 3) X(12, 4) X(13, 5) X(14, 6) X(15, 7)
#define LOAD_GPR(r, n)	"movq 576+" #n "*8(%%rsi), %%r" #r "\n\t"
#define SAVE_GPR(r, n)	"movq %%r" #r ", 576+" #n "*8(%%rdi)\n\t"

#define HOLD(load, save) \
	asm volatile("ldmxcsr 640(%%rsi)\n\t" \
		     "fninit\n\t" \
		     "fldcw 644(%%rsi)\n\t" \
		     EACH(load) X87(LOAD_ST) GPRS(LOAD_GPR) \
		     "1:\n\t" \
		     "dec %%rcx\n\t" \
		     "jnz 1b\n\t" \
		     EACH(save) X87(SAVE_ST) GPRS(SAVE_GPR) \
		     "stmxcsr 640(%%rdi)\n\t" \
		     "fnstcw 644(%%rdi)\n\t" \
		     "fninit\n\t" \
		     "ldmxcsr %[fine]\n\t" \
		     : "+c" (spin) \
		     : "S" (in), "D" (out), [fine] "m" (fine) \
		     : "memory", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", \
		       "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
		       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", \
		       "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", \
		       "st(6)", "st(7)")

__attribute__((target("avx"), noinline))
static void hold_avx(const struct regs *in, struct regs *out)
{
	uint32_t fine = 0x1f80;
	uint64_t spin = SPIN;

	HOLD(LOAD_YMM, SAVE_YMM);
	asm volatile("vzeroupper");
}

__attribute__((noinline))
static void hold_sse(const struct regs *in, struct regs *out)
{
	uint32_t fine = 0x1f80;
	uint64_t spin = SPIN;

	HOLD(LOAD_XMM, SAVE_XMM);
}

static void invent(struct regs *r, unsigned int me, uint64_t loop)
{
	uint64_t x = mix(me << 20 | loop);
	unsigned int i, j;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < 16; i++)
		for (j = 0; j < (avx ? 32 : 16); j++)
			r->ymm[i][j] = mix(x + i * 32 + j);
	for (i = 0; i < 8; i++) {
		r->st[i] = (double)(mix(x ^ i) >> 20) / 16;
		r->gpr[i] = mix(x + 4096 + i);
	}
	r->mxcsr = 0x1f80 | (me & 3) << 13;
	r->fcw = 0x037f | (me >> 2 & 3) << 10;
}

static void compare(const struct regs *want, const struct regs *got, unsigned int me)
{
	check(!memcmp(want->ymm, got->ymm, sizeof(want->ymm)), "thread %u: vector registers", me);
	check(!memcmp(want->st, got->st, sizeof(want->st)), "thread %u: x87 stack", me);
	check(!memcmp(want->gpr, got->gpr, sizeof(want->gpr)), "thread %u: general registers", me);
	/* bits 0 to 5 are sticky exception flags */
	check((want->mxcsr & ~0x3f) == (got->mxcsr & ~0x3f), "thread %u: mxcsr %x instead of %x",
	      me, got->mxcsr, want->mxcsr);
	check(want->fcw == got->fcw, "thread %u: x87 control %x instead of %x", me, got->fcw,
	      want->fcw);
}

/* Two neighbours take turns, by a condition variable with a time-out. */
static void take_turn(struct pair *p, unsigned int side)
{
	struct timespec until;

	pthread_mutex_lock(&p->lock);
	while ((p->turn & 1) != side && !p->stop) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		pthread_cond_timedwait(&p->cond, &p->lock, &until);
		if (stop)
			p->stop = true;
	}
	p->turn++;
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->lock);
}

static void *thread(void *arg)
{
	unsigned int me = (uintptr_t)arg, i;
	int tid = syscall(SYS_gettid);
	struct regs in, out;
	uint64_t loop;

	for (i = 0; i < 512; i++)
		tls[i] = mix(me * 512 + i);
	for (loop = 0; !stop; loop++) {
		invent(&in, me, loop);
		memset(&out, 0, sizeof(out));
		if (avx)
			hold_avx(&in, &out);
		else
			hold_sse(&in, &out);
		compare(&in, &out, me);
		for (i = 0; i < 512; i++)
			check(tls[i] == mix(me * 512 + i), "thread %u: TLS word %u", me, i);
		check(tid == syscall(SYS_gettid), "thread %u: tid was %d", me, tid);
		take_turn(&pairs[me / 2], me & 1);
		loops[me]++;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct timespec pause = { .tv_nsec = 50000000 };
	pthread_t threads[THREADS];
	uint64_t least;
	unsigned int i;

	migrant_start(argc, argv, 0, "");
	avx = __builtin_cpu_supports("avx");
	for (i = 0; i < THREADS / 2; i++) {
		pthread_mutex_init(&pairs[i].lock, NULL);
		pthread_cond_init(&pairs[i].cond, NULL);
	}
	for (i = 0; i < THREADS; i++)
		check(!pthread_create(&threads[i], NULL, thread, (void *)(uintptr_t)i),
		      "cannot create thread %u", i);
	migrant_tell("ready", "yes");
	while (migrant_step())
		nanosleep(&pause, NULL);
	stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	least = loops[0];
	for (i = 1; i < THREADS; i++)
		least = loops[i] < least ? loops[i] : least;
	check(least > 0, "a thread made no loop");
	migrant_ok("hops=%u loops=%llu avx=%d", migrant.hops, (unsigned long long)least, avx);
}
