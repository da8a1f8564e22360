/* SPDX-License-Identifier: MIT */
/*
 * The I/O APIC, an 82093AA: a line at a pin becomes a message to the APICs that the pin's entry
 * names. An edge is sent once and forgotten. A level is sent while the line is up, but no second
 * time until the EOI for the first has come back (remote IRR).
 *
 * Lines carry "asserted", not volts: the polarity that the guest sets is kept and has no effect.
 */
#include "lib/panic.h"
#include "vmm/vm.h"

enum {
	WINDOW_SIZE = 0x1000,
	VERSION = 0x11, /* no EOI register: those have 20h */
	REG_BITS = 0xff,
	HALF_BITS = 32,
};

#define REDIR_READ_ONLY ((uint64_t)(IOAPIC_REDIR_PENDING | IOAPIC_REDIR_REMOTE_IRR))
/* Of an entry, bits 55:17 are reserved and read as 0. */
#define REDIR_WRITABLE                                                                    \
	((0xffull << IOAPIC_REDIR_DEST_SHIFT) | IOAPIC_REDIR_VECTOR | IOAPIC_REDIR_MODE | \
	 IOAPIC_REDIR_LOGICAL | IOAPIC_REDIR_LOW | IOAPIC_REDIR_LEVEL | IOAPIC_REDIR_MASKED)

static void pin_send(struct vm *vm, unsigned pin)
{
	uint64_t *redir = &vm->vioapic.redir[pin];
	struct apic_message m = {
		.dest = *redir >> IOAPIC_REDIR_DEST_SHIFT,
		.vector = *redir & IOAPIC_REDIR_VECTOR,
		.mode = (*redir & IOAPIC_REDIR_MODE) >> APIC_MODE_SHIFT,
		.logical = *redir & IOAPIC_REDIR_LOGICAL,
		.level = *redir & IOAPIC_REDIR_LEVEL,
	};
	bool taken;

	if (m.mode > APIC_MODE_LOWEST)
		m.level = false; /* the others are edges, and no EOI comes for them */
	taken = vlapic_deliver(vm, &m) != 0;
	if (m.level && taken)
		*redir |= IOAPIC_REDIR_REMOTE_IRR;
}

/* Sends a level that is up and not being handled. */
static void pin_look(struct vm *vm, unsigned pin)
{
	uint64_t redir = vm->vioapic.redir[pin];

	if (vm->vioapic.lines & (1u << pin) && redir & IOAPIC_REDIR_LEVEL &&
	    !(redir & (IOAPIC_REDIR_MASKED | IOAPIC_REDIR_REMOTE_IRR)))
		pin_send(vm, pin);
}

void vioapic_line(struct vm *vm, unsigned pin, bool level)
{
	struct vioapic *io = &vm->vioapic;
	uint32_t bit = 1u << pin;
	bool rising;

	assert(lock_held(&vm->lock));
	assert(pin < VIOAPIC_PINS);
	rising = level && !(io->lines & bit);
	io->lines = level ? io->lines | bit : io->lines & ~bit;
	if (!rising)
		return;
	if (io->redir[pin] & IOAPIC_REDIR_LEVEL)
		pin_look(vm, pin);
	else if (!(io->redir[pin] & IOAPIC_REDIR_MASKED))
		pin_send(vm, pin); /* an edge at a masked pin is lost */
}

void vioapic_eoi(struct vm *vm, uint8_t vector)
{
	struct vioapic *io = &vm->vioapic;

	lock_take(&vm->lock);
	for (unsigned pin = 0; pin < VIOAPIC_PINS; pin++) {
		uint64_t *redir = &io->redir[pin];

		if (!(*redir & IOAPIC_REDIR_REMOTE_IRR) || (*redir & IOAPIC_REDIR_VECTOR) != vector)
			continue;
		*redir &= ~(uint64_t)IOAPIC_REDIR_REMOTE_IRR;
		pin_look(vm, pin);
	}
	lock_drop(&vm->lock);
}

static void redir_write(struct vm *vm, unsigned reg, uint32_t value)
{
	unsigned pin = (reg - IOAPIC_REDIR) / 2;
	unsigned shift = reg % 2 * HALF_BITS;
	uint64_t *redir = &vm->vioapic.redir[pin];
	uint64_t half = (uint64_t)UINT32_MAX << shift;
	uint64_t written = (uint64_t)value << shift & REDIR_WRITABLE;

	*redir = (*redir & (~half | REDIR_READ_ONLY)) | written;
	/*
	 * Software that has no EOI register turns a pin to edge and back to end what it is stuck
	 * in.
	 */
	if (!(*redir & IOAPIC_REDIR_LEVEL))
		*redir &= ~(uint64_t)IOAPIC_REDIR_REMOTE_IRR;
	pin_look(vm, pin);
}

static uint32_t reg_read(const struct vioapic *io)
{
	unsigned pin = (io->select - IOAPIC_REDIR) / 2u;

	switch (io->select) {
	case IOAPIC_ID:
	case IOAPIC_ARB: return (uint32_t)io->id << IOAPIC_ID_SHIFT;
	case IOAPIC_VER: return (VIOAPIC_PINS - 1) << IOAPIC_VER_MAX_SHIFT | VERSION;
	default:
		if (io->select < IOAPIC_REDIR || pin >= VIOAPIC_PINS)
			return UINT32_MAX;
		return io->redir[pin] >> (io->select % 2 * HALF_BITS);
	}
}

static void reg_write(struct vm *vm, uint32_t value)
{
	struct vioapic *io = &vm->vioapic;

	if (io->select == IOAPIC_ID)
		io->id = (value >> IOAPIC_ID_SHIFT) & IOAPIC_ID_BITS;
	else if (io->select >= IOAPIC_REDIR && io->select < IOAPIC_REDIR + 2 * VIOAPIC_PINS)
		redir_write(vm, io->select, value);
}

static void vioapic_access(struct vm *vm, void *dev, struct bus_access *a)
{
	struct vioapic *io = dev;

	if (a->offset == IOAPIC_REGSEL) {
		if (a->write)
			io->select = a->value & REG_BITS;
		else
			a->value = io->select;
	} else if (a->offset == IOAPIC_WIN) {
		/* The window is one word: less than that of it would write what was not said. */
		if (!a->write)
			a->value = reg_read(io);
		else if (a->size >= sizeof(uint32_t))
			reg_write(vm, a->value);
	}
}

static void vioapic_reset(struct vm *vm)
{
	struct vioapic *io = &vm->vioapic;

	/* The lines are the devices', and stay as they are. */
	io->select = 0;
	io->id = 0;
	for (unsigned pin = 0; pin < VIOAPIC_PINS; pin++)
		io->redir[pin] = IOAPIC_REDIR_MASKED;
}

static int vioapic_init(struct vm *vm)
{
	vm->vioapic.lines = 0;
	vioapic_reset(vm);
	return bus_register(&vm->mmio, IOAPIC_BASE_DEFAULT, WINDOW_SIZE, "vioapic", vioapic_access,
			    &vm->vioapic);
}

static void vioapic_fini(struct vm *vm)
{
	bus_unregister(&vm->mmio, IOAPIC_BASE_DEFAULT);
}

const struct dev_class vioapic_class = {
	.name = "vioapic",
	.init = vioapic_init,
	.reset = vioapic_reset,
	.fini = vioapic_fini,
};
