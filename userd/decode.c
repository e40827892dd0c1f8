// SPDX-License-Identifier: GPL-2.0
/*
 * Looking ahead: decode the next instructions of a thread, and note every
 * address that they name. Registers are followed as long as their values are
 * simple to know; where they are not, the instruction is passed over. A wrong
 * guess is harmless: nothing here is more than a hint.
 *
 * To decode costs far more than to follow what was decoded, and threads often stand
 * at the same place, so instructions are remembered by their address. One that has
 * been written over since is a wrong guess, too.
 *
 * Owns what it remembers, holds no locks, executes nothing.
 */
#include <Zydis/Zydis.h>
#include <string.h>
#include <sys/mman.h>

#include "first.h"
#include "image.h"

#define DEPTH		8	/* calls within them */
#define INSN_MAX	15
#define DECODED		512	/* instructions that are remembered */
#define NEAR		8	/* places where one may be */
#define PAGE		((__u64)TERN_WIRE_PAGE)

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

/**
 * struct cpu - what is known of a thread
 * @first: reads memory, and takes what is found
 * @ip: of the next instruction
 * @reg: general registers, in the order of their encoding
 * @known: bit per register
 * @fs: base of fs
 * @gs: base of gs
 * @ret: where the calls that were followed return to
 * @depth: how many
 */
struct cpu {
	struct tern_first *first;
	__u64 ip;
	__u64 reg[16];
	unsigned int known;
	__u64 fs;
	__u64 gs;
	__u64 ret[DEPTH];
	unsigned int depth;
};

/**
 * struct insn - a decoded instruction
 * @i: the instruction
 * @op: its operands, hidden ones included
 */
struct insn {
	ZydisDecodedInstruction i;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

/**
 * struct tern_decoded - instructions that have been decoded
 * @decoder: decodes others
 * @ip: address of each, 0: none; its place follows from it, about
 * @insn: they
 */
struct tern_decoded {
	ZydisDecoder decoder;
	__u64 ip[DECODED];
	struct insn insn[DECODED];
};

/** tern_decoded_create() - memory for instructions, all there already; NULL: none */
struct tern_decoded *tern_decoded_create(void)
{
	struct tern_decoded *d = mmap(NULL, sizeof(*d), PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (d == MAP_FAILED)
		return NULL;
	if (ZYAN_FAILED(ZydisDecoderInit(&d->decoder, ZYDIS_MACHINE_MODE_LONG_64,
					 ZYDIS_STACK_WIDTH_64))) {
		tern_decoded_destroy(d);
		return NULL;
	}
	return d;
}

/** tern_decoded_destroy() - free it */
void tern_decoded_destroy(struct tern_decoded *d)
{
	munmap(d, sizeof(*d));
}

/* Where the instruction at @ip is, or should be. */
static unsigned int place_of(const struct tern_decoded *d, __u64 ip)
{
	unsigned int i = (ip ^ ip / DECODED) % DECODED, n;

	for (n = 0; n < NEAR; n++) {
		unsigned int at = (i + n) % DECODED;

		if (!d->ip[at] || d->ip[at] == ip)
			return at;
	}
	return i;
}

/* The instruction at @cpu->ip, NULL: none. */
static const struct insn *fetch(struct cpu *cpu)
{
	struct tern_decoded *d = cpu->first->decoded;
	unsigned int i = place_of(d, cpu->ip), len;
	struct insn *insn = &d->insn[i], decoded;
	unsigned char code[INSN_MAX];

	if (d->ip[i] == cpu->ip)
		return insn;
	len = tern_first_fetch(cpu->first, cpu->ip, code, INSN_MAX);
	/* none that is there already is taken away, for others are looked for behind it */
	if (!len ||
	    ZYAN_FAILED(ZydisDecoderDecodeFull(&d->decoder, code, len, &decoded.i, decoded.op)))
		return NULL;
	*insn = decoded;
	d->ip[i] = cpu->ip;
	return insn;
}

/* Index of the general register that @reg is part of, -1: another kind. */
static int number(ZydisRegister reg)
{
	reg = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	return reg >= ZYDIS_REGISTER_RAX && reg <= ZYDIS_REGISTER_R15 ?
	       (int)(reg - ZYDIS_REGISTER_RAX) : -1;
}

static bool value(const struct cpu *cpu, ZydisRegister reg, __u64 *to)
{
	int n = number(reg);

	if (n < 0 || !(cpu->known & 1U << n))
		return false;
	*to = cpu->reg[n];
	return true;
}

static void learn(struct cpu *cpu, unsigned int n, __u64 to)
{
	cpu->reg[n] = to;
	cpu->known |= 1U << n;
}

static bool address(const struct cpu *cpu, const struct insn *insn,
		    const ZydisDecodedOperand *op, __u64 *to)
{
	const ZydisDecodedOperandMem *mem = &op->mem;
	__u64 addr = mem->disp.has_displacement ? mem->disp.value : 0, v = 0;

	if (mem->base == ZYDIS_REGISTER_RIP)
		addr += cpu->ip + insn->i.length;
	else if (mem->base != ZYDIS_REGISTER_NONE) {
		if (!value(cpu, mem->base, &v))
			return false;
		addr += v;
	}
	if (mem->index != ZYDIS_REGISTER_NONE) {
		if (!value(cpu, mem->index, &v))
			return false;
		addr += v * mem->scale;
	}
	if (insn->i.address_width == 32)
		addr = (__u32)addr;
	if (mem->segment == ZYDIS_REGISTER_FS)
		addr += cpu->fs;
	else if (mem->segment == ZYDIS_REGISTER_GS)
		addr += cpu->gs;
	*to = addr;
	return true;
}

static bool load(struct cpu *cpu, __u64 addr, __u64 *to)
{
	const char *p;

	if (addr % PAGE > PAGE - sizeof(*to))
		return false;
	p = tern_first_look(cpu->first, addr);
	if (!p)
		return false;
	memcpy(to, p, sizeof(*to));
	return true;
}

static void note_memory(struct cpu *cpu, const struct insn *insn)
{
	unsigned int i;

	for (i = 0; i < insn->i.operand_count; i++) {
		const ZydisDecodedOperand *op = &insn->op[i];
		__u64 addr;

		if (op->type != ZYDIS_OPERAND_TYPE_MEMORY ||
		    op->mem.type == ZYDIS_MEMOP_TYPE_AGEN || !address(cpu, insn, op, &addr))
			continue;
		tern_first_touch(cpu->first, addr);
		if (op->size / 8 > 1)
			tern_first_touch(cpu->first, addr + op->size / 8 - 1);
	}
}

/* The value of a source operand of 64 bits, or of 32 that are extended with zeros. */
static bool source(struct cpu *cpu, const struct insn *insn, const ZydisDecodedOperand *op,
		   __u64 *to)
{
	bool known = false;
	__u64 addr;

	switch (op->type) {
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		*to = op->imm.value.u;
		known = true;
		break;
	case ZYDIS_OPERAND_TYPE_REGISTER:
		known = value(cpu, op->reg.value, to);
		break;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		if (!address(cpu, insn, op, &addr))
			return false;
		if (op->mem.type == ZYDIS_MEMOP_TYPE_AGEN) {
			*to = addr;
			known = true;
		} else {
			known = load(cpu, addr, to);
		}
		break;
	default:
		break;
	}
	if (insn->op[0].size == 32)
		*to = (__u32)*to;
	return known;
}

/* Instructions whose result is simple; true: @to holds it. */
static bool result(struct cpu *cpu, const struct insn *insn, __u64 *to)
{
	__u64 a = 0, b = 0;

	if (insn->op[0].size < 32)
		return false;
	switch (insn->i.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
	case ZYDIS_MNEMONIC_LEA:
		return source(cpu, insn, &insn->op[1], to);
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_SUB:
		if (!source(cpu, insn, &insn->op[0], &a) || !source(cpu, insn, &insn->op[1], &b))
			return false;
		*to = insn->i.mnemonic == ZYDIS_MNEMONIC_ADD ? a + b : a - b;
		if (insn->op[0].size == 32)
			*to = (__u32)*to;
		return true;
	case ZYDIS_MNEMONIC_XOR:
		*to = 0;
		return insn->op[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		       insn->op[0].reg.value == insn->op[1].reg.value;
	default:
		return false;
	}
}

static void assign(struct cpu *cpu, const struct insn *insn)
{
	__u64 to = 0;
	bool simple = insn->i.operand_count && insn->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		      number(insn->op[0].reg.value) >= 0 && result(cpu, insn, &to);
	unsigned int i;

	for (i = 0; i < insn->i.operand_count; i++) {
		const ZydisDecodedOperand *op = &insn->op[i];

		if (op->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE && number(op->reg.value) >= 0)
			cpu->known &= ~(1U << number(op->reg.value));
	}
	if (simple)
		learn(cpu, number(insn->op[0].reg.value), to);
}

static bool pop(struct cpu *cpu, __u64 *to)
{
	__u64 sp;
	bool known;

	if (!value(cpu, ZYDIS_REGISTER_RSP, &sp))
		return false;
	known = load(cpu, sp, to);
	learn(cpu, RSP, sp + 8);
	return known;
}

static void push(struct cpu *cpu)
{
	if (cpu->known & 1U << RSP)
		cpu->reg[RSP] -= 8;
}

/* Where a jump or call goes to; 0: not known. */
static __u64 target(struct cpu *cpu, const struct insn *insn)
{
	const ZydisDecodedOperand *op = &insn->op[0];
	__u64 to = 0;

	if (op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return op->imm.is_relative ? cpu->ip + insn->i.length + op->imm.value.u : 0;
	return source(cpu, insn, op, &to) ? to : 0;
}

static __u64 call(struct cpu *cpu, const struct insn *insn)
{
	__u64 to = target(cpu, insn);

	push(cpu);
	if (cpu->depth < DEPTH)
		cpu->ret[cpu->depth++] = cpu->ip + insn->i.length;
	return to;
}

static __u64 ret(struct cpu *cpu)
{
	__u64 to = 0;

	if (!pop(cpu, &to))
		to = 0;
	/* the calls that we followed have not pushed anything really */
	return cpu->depth ? cpu->ret[--cpu->depth] : to;
}

/* Follow one instruction; returns the next one's address, 0: not known. */
static __u64 step(struct cpu *cpu, const struct insn *insn)
{
	__u64 next = cpu->ip + insn->i.length, v = 0;
	int n;

	switch (insn->i.mnemonic) {
	case ZYDIS_MNEMONIC_JMP:
		return target(cpu, insn);
	case ZYDIS_MNEMONIC_CALL:
		return call(cpu, insn);
	case ZYDIS_MNEMONIC_RET:
		return ret(cpu);
	case ZYDIS_MNEMONIC_PUSH:
		push(cpu);
		return next;
	case ZYDIS_MNEMONIC_POP:
		n = number(insn->op[0].reg.value);
		if (pop(cpu, &v) && insn->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER && n >= 0)
			learn(cpu, n, v);
		else if (insn->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER && n >= 0)
			cpu->known &= ~(1U << n);
		return next;
	case ZYDIS_MNEMONIC_LEAVE:
		cpu->reg[RSP] = cpu->reg[RBP];
		cpu->known = (cpu->known & ~(1U << RSP)) | (cpu->known >> RBP & 1) << RSP;
		if (pop(cpu, &v))
			learn(cpu, RBP, v);
		else
			cpu->known &= ~(1U << RBP);
		return next;
	default:
		assign(cpu, insn);
		return next;
	}
}

static void start(struct cpu *cpu, struct tern_first *first, const struct tern_obj_thread *t)
{
	/* where each general register stands in struct tern_obj_thread */
	static const unsigned char place[16] = {
		10, 11, 12, 5, 19, 4, 13, 14, 9, 8, 7, 6, 3, 2, 1, 0,
	};
	unsigned int i;

	memset(cpu, 0, sizeof(*cpu));
	cpu->first = first;
	cpu->ip = t->regs[16];
	cpu->fs = t->fs_base;
	cpu->gs = t->gs_base;
	for (i = 0; i < 16; i++)
		learn(cpu, i, t->regs[place[i]]);
	/* a call that is restarted, or has failed, gives another result */
	if ((__s64)t->regs[15] >= 0)
		cpu->known &= ~(1U << RAX);
}

/**
 * tern_decode_ahead() - note the pages that a thread's next instructions name
 * @first: takes them
 * @thread: as captured
 */
void tern_decode_ahead(struct tern_first *first, const struct tern_obj_thread *thread)
{
	struct cpu cpu;
	int i;

	start(&cpu, first, thread);
	for (i = 0; i < first->ahead && first->budget; i++) {
		const struct insn *insn = fetch(&cpu);

		if (!insn)
			return;
		tern_first_touch(first, cpu.ip);
		note_memory(&cpu, insn);
		cpu.ip = step(&cpu, insn);
		if (!cpu.ip)
			return;
	}
}
