/* SPDX-License-Identifier: MIT */
/*
 * The two 8259A interrupt controllers, as the ISA bridges of PCs have them. The one idea: IRR holds
 * latched edges only; which inputs request service is worked out from IRR, the lines, the trigger
 * modes and the mask whenever any of them changes, and the slave's INT is a line of the master's.
 * Intel 8259A data sheet; PIIX3 data sheet, "Interrupt Controller Registers".
 */
#include "lib/string.h"
#include "vmm/irqchip.h"
#include "vmm/vm.h"

enum pic_port {
	PORT_MASTER = 0x20,
	PORT_SLAVE = 0xa0,
	PORT_ELCR = 0x4d0, /* two bytes */
};

/* A write to the even port is ICW1, OCW2 or OCW3 by these bits. */
enum {
	SELECT_ICW1 = 1 << 4,
	SELECT_OCW3 = 1 << 3,
};

enum icw1 { ICW1_IC4 = 1 << 0, ICW1_SNGL = 1 << 1, ICW1_LTIM = 1 << 3 };
enum icw2 { ICW2_VECTOR = 0xf8 };
enum icw4 { ICW4_AEOI = 1 << 1, ICW4_SFNM = 1 << 4 };

/* OCW2: R, SL, EOI are bits 7:5, the level is bits 2:0. */
enum ocw2 {
	OCW2_LEVEL = 7,
	OCW2_COMMAND = 7 << 5,
	OCW2_ROTATE_AUTO_CLEAR = 0 << 5,
	OCW2_EOI = 1 << 5,
	OCW2_NOP = 2 << 5,
	OCW2_EOI_SPECIFIC = 3 << 5,
	OCW2_ROTATE_AUTO_SET = 4 << 5,
	OCW2_EOI_ROTATE = 5 << 5,
	OCW2_SET_PRIORITY = 6 << 5,
	OCW2_EOI_SPECIFIC_ROTATE = 7 << 5,
};

enum ocw3 {
	OCW3_RIS = 1 << 0,
	OCW3_RR = 1 << 1,
	OCW3_P = 1 << 2,
	OCW3_SMM = 1 << 5,
	OCW3_ESMM = 1 << 6,
};

enum { INPUTS = 8, INPUT_MASK = INPUTS - 1, INPUT_SPURIOUS = 7, POLL_REQUEST = 1 << 7 };

/* Which ICW a write to the odd port is. */
enum { STEP_OCW1, STEP_ICW2, STEP_ICW3, STEP_ICW4 };

enum { MASTER, SLAVE };

/* IRQs 0, 1, 2, 8 and 13 are always edge-triggered. */
static const uint8_t elcr_writable[] = { [MASTER] = 0xf8, [SLAVE] = 0xde };

/*
 * What a PC's firmware leaves: vectors as DOS has them; here all are masked, since nobody listens.
 */
static const uint8_t vector_at_reset[] = { [MASTER] = 0x08, [SLAVE] = 0x70 };
enum { MASK_ALL = 0xff };

static uint8_t level_inputs(const struct vpic_chip *c)
{
	return c->level_all ? UINT8_MAX : c->elcr;
}

/* What a read of IRR shows. */
static uint8_t requests(const struct vpic_chip *c)
{
	uint8_t level = level_inputs(c);

	return (uint8_t)((c->irr & ~level) | (c->lines & level));
}

/* The set bit with the highest priority, as a rank from 0 (highest); INPUTS where none is set. */
static unsigned rank_of(const struct vpic_chip *c, uint8_t bits)
{
	unsigned rotated = (bits >> c->highest | bits << (INPUTS - c->highest)) & UINT8_MAX;

	return rotated ? (unsigned)__builtin_ctz(rotated) : INPUTS;
}

/* The input that wants the CPU now, or -1. is_master: its IR2 is the slave. */
static int request_find(const struct vpic_chip *c, bool is_master)
{
	uint8_t in_service = c->isr;
	unsigned rank = rank_of(c, requests(c) & ~c->imr);

	if (rank == INPUTS)
		return -1;
	if (c->special_mask)
		in_service &= ~c->imr;
	/*
	 * Special fully nested: the slave's own higher priorities get through while it is served.
	 */
	if (c->nested && is_master)
		in_service &= ~BIT(IRQ_CASCADE);
	return rank < rank_of(c, in_service) ? (int)((rank + c->highest) & INPUT_MASK) : -1;
}

static void line_set(struct vpic_chip *c, unsigned input, bool level)
{
	uint8_t bit = (uint8_t)BIT(input);

	if (!level) {
		c->lines &= ~bit;
		return;
	}
	/* An edge that falls again before INTA stays latched: a pulse is never lost. */
	if (!(c->lines & bit))
		c->irr |= bit & ~level_inputs(c);
	c->lines |= bit;
}

/* The slave's INT: unlike other edges it is not remembered when it falls before INTA. */
static void cascade_set(struct vpic_chip *master, bool level)
{
	line_set(master, IRQ_CASCADE, level);
	if (!level)
		master->irr &= ~BIT(IRQ_CASCADE);
}

static void output_set(struct vm *vm, bool level)
{
	if (vm->vpic.output == level)
		return;
	vm->vpic.output = level;
	irqchip_pic_output(vm, level);
}

static void pic_update(struct vm *vm)
{
	struct vpic_chip *master = &vm->vpic.chips[MASTER];

	cascade_set(master, request_find(&vm->vpic.chips[SLAVE], false) >= 0);
	output_set(vm, request_find(master, true) >= 0);
}

void vpic_line(struct vm *vm, unsigned irq, bool level)
{
	struct vpic_chip *c = &vm->vpic.chips[irq / INPUTS & 1];
	unsigned input = irq & INPUT_MASK;

	if (irq >= 2 * INPUTS || irq == IRQ_CASCADE || level == !!(c->lines & BIT(input)))
		return;
	line_set(c, input, level);
	pic_update(vm);
}

bool vpic_pending(const struct vm *vm)
{
	return vm->vpic.output;
}

/* The chip's half of INTA, or of a poll: the input, or -1 where the request has gone. */
static int chip_acknowledge(struct vpic_chip *c, bool is_master)
{
	int input = request_find(c, is_master);

	if (input < 0)
		return -1;
	c->irr &= ~BIT(input);
	if (!c->auto_eoi)
		c->isr |= BIT(input);
	else if (c->rotate_auto)
		c->highest = (input + 1) & INPUT_MASK;
	return input;
}

uint8_t vpic_acknowledge(struct vm *vm)
{
	struct vpic_chip *c = &vm->vpic.chips[MASTER];
	int input = chip_acknowledge(c, true);

	if (input == IRQ_CASCADE && !c->single) {
		c = &vm->vpic.chips[SLAVE];
		input = chip_acknowledge(c, false);
		/* INT is low during INTA, so that a further request makes an edge. */
		cascade_set(&vm->vpic.chips[MASTER], false);
	}
	output_set(vm, false);
	pic_update(vm);
	return c->vector | (input < 0 ? INPUT_SPURIOUS : (uint8_t)input);
}

/* ICW1 starts the initialisation: lines that are high already make no edge. */
static void icw1_write(struct vpic_chip *c, uint8_t value)
{
	struct vpic_chip fresh = {
		.lines = c->lines,
		.elcr = c->elcr,
		.vector = c->vector,
		.step = STEP_ICW2,
		.wants_icw4 = value & ICW1_IC4,
		.single = value & ICW1_SNGL,
		.level_all = value & ICW1_LTIM,
	};

	*c = fresh;
}

static void eoi_input(struct vpic_chip *c, unsigned input, bool rotate)
{
	c->isr &= ~BIT(input);
	if (rotate)
		c->highest = (input + 1) & INPUT_MASK;
}

/* In special mask mode it passes over the masked inputs. */
static void eoi_nonspecific(struct vpic_chip *c, bool rotate)
{
	unsigned rank = rank_of(c, c->special_mask ? c->isr & ~c->imr : c->isr);

	if (rank != INPUTS)
		eoi_input(c, (rank + c->highest) & INPUT_MASK, rotate);
}

static void ocw2_write(struct vpic_chip *c, uint8_t value)
{
	unsigned level = value & OCW2_LEVEL;

	switch (value & OCW2_COMMAND) {
	case OCW2_ROTATE_AUTO_CLEAR: c->rotate_auto = false; break;
	case OCW2_ROTATE_AUTO_SET: c->rotate_auto = true; break;
	case OCW2_EOI: eoi_nonspecific(c, false); break;
	case OCW2_EOI_ROTATE: eoi_nonspecific(c, true); break;
	case OCW2_EOI_SPECIFIC: eoi_input(c, level, false); break;
	case OCW2_EOI_SPECIFIC_ROTATE: eoi_input(c, level, true); break;
	case OCW2_SET_PRIORITY: c->highest = (level + 1) & INPUT_MASK; break;
	case OCW2_NOP: break;
	}
}

static void ocw3_write(struct vpic_chip *c, uint8_t value)
{
	if (value & OCW3_ESMM)
		c->special_mask = value & OCW3_SMM;
	if (value & OCW3_P)
		c->poll = true;
	else if (value & OCW3_RR)
		c->read_isr = value & OCW3_RIS;
}

static void odd_write(struct vpic_chip *c, uint8_t value)
{
	uint8_t last = c->wants_icw4 ? STEP_ICW4 : STEP_OCW1;

	switch (c->step) {
	case STEP_OCW1: c->imr = value; break;
	case STEP_ICW2:
		c->vector = value & ICW2_VECTOR;
		c->step = c->single ? last : STEP_ICW3;
		break;
	case STEP_ICW3: /* which input the slave is on: wired, on a PC */ c->step = last; break;
	case STEP_ICW4:
		c->auto_eoi = value & ICW4_AEOI;
		c->nested = value & ICW4_SFNM;
		c->step = STEP_OCW1;
		break;
	}
}

static void chip_write(struct vm *vm, struct vpic_chip *c, bool odd, uint8_t value)
{
	if (odd)
		odd_write(c, value);
	else if (value & SELECT_ICW1)
		icw1_write(c, value);
	else if (value & SELECT_OCW3)
		ocw3_write(c, value);
	else
		ocw2_write(c, value);
	pic_update(vm);
}

static uint8_t poll_read(struct vm *vm, struct vpic_chip *c)
{
	bool is_master = c == &vm->vpic.chips[MASTER];
	int input = chip_acknowledge(c, is_master);

	c->poll = false;
	if (!is_master)
		cascade_set(&vm->vpic.chips[MASTER], false);
	pic_update(vm);
	return input < 0 ? 0 : (uint8_t)(POLL_REQUEST | input);
}

static void chip_access(struct vm *vm, struct vpic_chip *c, struct bus_access *a)
{
	bool odd = a->offset & 1;

	if (a->write)
		chip_write(vm, c, odd, (uint8_t)a->value);
	else if (c->poll)
		a->value = poll_read(vm, c);
	else if (odd)
		a->value = c->imr;
	else
		a->value = c->read_isr ? c->isr : requests(c);
}

static void master_access(struct vm *vm, void *dev, struct bus_access *a)
{
	if (unlikely(a->size != 1))
		device_split(vm, dev, a, master_access);
	else
		chip_access(vm, &vm->vpic.chips[MASTER], a);
}

static void slave_access(struct vm *vm, void *dev, struct bus_access *a)
{
	if (unlikely(a->size != 1))
		device_split(vm, dev, a, slave_access);
	else
		chip_access(vm, &vm->vpic.chips[SLAVE], a);
}

static void elcr_access(struct vm *vm, void *dev, struct bus_access *a)
{
	struct vpic_chip *c = &vm->vpic.chips[a->offset & 1];

	if (a->size != 1) {
		device_split(vm, dev, a, elcr_access);
		return;
	}
	if (!a->write) {
		a->value = c->elcr;
		return;
	}
	c->elcr = (uint8_t)a->value & elcr_writable[a->offset & 1];
	c->irr &= ~c->elcr;
	pic_update(vm);
}

static void vpic_reset(struct vm *vm)
{
	for (unsigned i = MASTER; i <= SLAVE; i++) {
		struct vpic_chip *c = &vm->vpic.chips[i];
		uint8_t lines = c->lines;

		memset(c, 0, sizeof(*c));
		c->lines = lines;
		c->vector = vector_at_reset[i];
		c->imr = MASK_ALL;
	}
	pic_update(vm);
}

static int vpic_init(struct vm *vm)
{
	memset(&vm->vpic, 0, sizeof(vm->vpic));
	vpic_reset(vm);
	return 0;
}

static const struct dev_ports vpic_ports[] = {
	{ PORT_MASTER, 2, "pic master", master_access },
	{ PORT_SLAVE, 2, "pic slave", slave_access },
	{ PORT_ELCR, 2, "pic edge/level", elcr_access },
	{ 0 },
};

const struct dev_class vpic_class = {
	.name = "vpic",
	.ports = vpic_ports,
	.init = vpic_init,
	.reset = vpic_reset,
};
