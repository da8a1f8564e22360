/* SPDX-License-Identifier: MIT */
/*
 * Two 16550A serial ports. The one idea: the wire is as fast as who listens, so a byte that is
 * written has been sent, and the transmitter is empty unless the console says that its line is
 * behind; what the host types waits in a ring behind the FIFO, so that pasted text is not lost.
 * Only the character time-out knows of the line's speed. National Semiconductor PC16550D data
 * sheet.
 */
#include "lib/string.h"
#include "vmm/irqchip.h"
#include "vmm/vm.h"

enum uart_register {
	REG_DATA, /* RBR, THR; DLL while LCR.DLAB */
	REG_IER,  /* DLM while LCR.DLAB */
	REG_IIR,  /* FCR when written */
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCR,
	REGS
};

enum ier { IER_RDA = 1 << 0, IER_THRE = 1 << 1, IER_RLS = 1 << 2, IER_MS = 1 << 3, IER_ALL = 0xf };

enum iir {
	IIR_MODEM = 0,
	IIR_NONE = 1,
	IIR_THRE = 2,
	IIR_RDA = 4,
	IIR_RLS = 6,
	IIR_TIMEOUT = 0xc,
	IIR_FIFO = 0xc0,
};

enum fcr {
	FCR_ENABLE = 1 << 0,
	FCR_CLEAR_RX = 1 << 1,
	FCR_TRIGGER_SHIFT = 6,
};

enum lcr {
	LCR_WORD = 3, /* 5 bits and so many */
	LCR_STOP = 1 << 2,
	LCR_PARITY = 1 << 3,
	LCR_BREAK = 1 << 6,
	LCR_DLAB = 1 << 7,
};

enum mcr {
	MCR_DTR = 1 << 0,
	MCR_RTS = 1 << 1,
	MCR_OUT1 = 1 << 2,
	MCR_OUT2 = 1 << 3,
	MCR_LOOP = 1 << 4,
	MCR_ALL = 0x1f,
};

enum lsr {
	LSR_DR = 1 << 0,
	LSR_OE = 1 << 1,
	LSR_PE = 1 << 2,
	LSR_FE = 1 << 3,
	LSR_BI = 1 << 4,
	LSR_ERRORS = LSR_OE | LSR_PE | LSR_FE | LSR_BI,
	LSR_THRE = 1 << 5,
	LSR_TEMT = 1 << 6,
	LSR_EMPTY = LSR_THRE | LSR_TEMT,
	LSR_FIFO_ERROR = 1 << 7,
};

enum msr {
	MSR_DCTS = 1 << 0,
	MSR_DDSR = 1 << 1,
	MSR_TERI = 1 << 2,
	MSR_DDCD = 1 << 3,
	MSR_DELTAS = 0xf,
	MSR_CTS = 1 << 4,
	MSR_DSR = 1 << 5,
	MSR_RI = 1 << 6,
	MSR_DCD = 1 << 7,
	MSR_CONNECTED = MSR_CTS | MSR_DSR | MSR_DCD,
};

enum {
	/* 16 samples a bit at 1.8432 MHz, divided: 8.68 µs for a divisor of 1. */
	NS_PER_BIT = 8681,
	DATA_BITS_LEAST = 5,
	TIMEOUT_CHARACTERS = 4,
	DIVISOR_AT_RESET = 12, /* 9600 baud, as firmware leaves it */
};

static const uint8_t fcr_triggers[] = { 1, 4, 8, 14 };
static const uint8_t port_irqs[] = { IRQ_COM1, IRQ_COM2 };

static uint8_t fifo_size(const struct vuart *u)
{
	return u->fifo_on ? VUART_FIFO : 1;
}

/* IIR without the FIFO bits: the source with the highest priority. */
static uint8_t source_find(const struct vuart *u)
{
	if (u->ier & IER_RLS && u->lsr & LSR_ERRORS)
		return IIR_RLS;
	if (u->ier & IER_RDA && u->fifo_count >= u->trigger)
		return IIR_RDA;
	if (u->ier & IER_RDA && u->timeout_pending)
		return IIR_TIMEOUT;
	if (u->ier & IER_THRE && u->thre_pending)
		return IIR_THRE;
	if (u->ier & IER_MS && u->msr & MSR_DELTAS)
		return IIR_MODEM;
	return IIR_NONE;
}

/* On a PC OUT2 connects the interrupt to the bus; in loopback mode that pin is inactive. */
static void irq_update(struct vuart *u)
{
	bool irq = (u->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2 && source_find(u) != IIR_NONE;

	if (irq == u->irq)
		return;
	u->irq = irq;
	irqchip_line(u->vm, port_irqs[u->port], irq);
}

/*
 * Received bytes that stay below the trigger are told of when nothing happens for four characters.
 */
static void timeout_restart(struct vuart *u)
{
	unsigned divisor = (unsigned)u->dlm << 8 | u->dll;
	unsigned bits = 1 + DATA_BITS_LEAST + (u->lcr & LCR_WORD) + !!(u->lcr & LCR_PARITY) + 1 +
			!!(u->lcr & LCR_STOP);

	u->timeout_pending = false;
	u->timeout_ns = 0;
	if (!u->fifo_on || !u->fifo_count || u->fifo_count >= u->trigger || !(u->ier & IER_RDA))
		return;
	u->timeout_ns = time_ns() - u->origin_ns +
			(uint64_t)TIMEOUT_CHARACTERS * bits * MAX(divisor, 1) * NS_PER_BIT;
	timer_arm_ns(&u->timer, u->origin_ns + u->timeout_ns);
}

static void uart_fire(void *arg)
{
	struct vuart *u = arg;

	lock_take(&u->vm->lock);
	if (u->timeout_ns && time_ns() - u->origin_ns >= u->timeout_ns) {
		u->timeout_ns = 0;
		u->timeout_pending = true;
		irq_update(u);
	}
	lock_drop(&u->vm->lock);
}

/* LSR tells of the byte that is read next, and whether any in the FIFO came with an error. */
static void lsr_update(struct vuart *u)
{
	u->lsr &= ~(LSR_DR | LSR_FIFO_ERROR);
	if (!u->fifo_count)
		return;
	u->lsr |= LSR_DR | u->errors[u->fifo_first];
	if (u->fifo_on && u->error_count)
		u->lsr |= LSR_FIFO_ERROR;
}

static void fifo_clear(struct vuart *u)
{
	u->fifo_first = u->fifo_count = u->error_count = 0;
}

static void fifo_push(struct vuart *u, uint8_t byte, uint8_t errors)
{
	unsigned at;

	if (u->fifo_count == fifo_size(u)) {
		u->lsr |= LSR_OE;
		/* Without a FIFO the old byte is lost, with one the new. */
		if (u->fifo_on)
			return;
		fifo_clear(u);
	}
	at = (u->fifo_first + u->fifo_count) % VUART_FIFO;
	u->fifo[at] = byte;
	u->errors[at] = errors;
	u->error_count += !!errors;
	u->fifo_count++;
}

/*
 * Moves what waits in the ring on, as far as there is room; the line is cut off in loopback mode.
 */
static void fifo_fill(struct vuart *u)
{
	while (u->ring_count && u->fifo_count < fifo_size(u) && !(u->mcr & MCR_LOOP)) {
		fifo_push(u, u->ring[u->ring_first], 0);
		u->ring_first = (u->ring_first + 1) % VUART_RING;
		u->ring_count--;
	}
}

/* After any change of what has been received. */
static void receiver_update(struct vuart *u)
{
	fifo_fill(u);
	lsr_update(u);
	timeout_restart(u);
	irq_update(u);
}

unsigned vuart_receive(struct vm *vm, unsigned port, const uint8_t *bytes, unsigned n)
{
	struct vuart *u;
	unsigned taken = 0;

	if (port >= ARRAY_SIZE(vm->vuart))
		return 0;
	u = &vm->vuart[port];
	/* The ring is emptied on the way, so that it alone decides what there is room for. */
	while (taken < n && u->ring_count < VUART_RING) {
		u->ring[(u->ring_first + u->ring_count++) % VUART_RING] = bytes[taken++];
		fifo_fill(u);
	}
	if (taken)
		receiver_update(u);
	return taken;
}

static uint8_t data_read(struct vuart *u)
{
	uint8_t byte = u->fifo[u->fifo_first];

	if (!u->fifo_count)
		return byte; /* the last one again */
	u->error_count -= !!u->errors[u->fifo_first];
	u->fifo_first = (u->fifo_first + 1) % VUART_FIFO;
	u->fifo_count--;
	u->timeout_pending = false;
	/* Between two bytes on a wire the line falls: those to come must make an edge. */
	irq_update(u);
	if (u->fifo_count) {
		lsr_update(u);
		timeout_restart(u);
	} else {
		receiver_update(u);
	}
	return byte;
}

static void data_write(struct vuart *u, uint8_t byte)
{
	/* The write takes the interrupt back, the byte's leaving raises it again: an edge. */
	u->thre_pending = false;
	irq_update(u);
	if (u->mcr & MCR_LOOP) {
		u->thre_pending = true;
		fifo_push(u, byte, 0);
		receiver_update(u);
	} else if (likely(vm_console_write(u->vm, u->port, byte))) {
		u->thre_pending = true;
		irq_update(u);
	} else {
		u->lsr &= ~LSR_EMPTY; /* until vuart_transmit_ready() */
	}
}

void vuart_transmit_ready(struct vm *vm, unsigned port)
{
	struct vuart *u = &vm->vuart[port];

	if (u->lsr & LSR_THRE)
		return;
	u->lsr |= LSR_EMPTY;
	u->thre_pending = true;
	irq_update(u);
}

static void ier_write(struct vuart *u, uint8_t value)
{
	uint8_t risen = value & ~u->ier;

	u->ier = value & IER_ALL;
	if (risen & IER_THRE && u->lsr & LSR_THRE)
		u->thre_pending = true; /* the transmitter is empty: at once */
	if (risen & IER_RDA)
		timeout_restart(u);
	irq_update(u);
}

static uint8_t iir_read(struct vuart *u)
{
	uint8_t source = source_find(u);

	if (source == IIR_THRE) {
		u->thre_pending = false;
		irq_update(u);
	}
	return source | (u->fifo_on ? IIR_FIFO : 0);
}

static void fcr_write(struct vuart *u, uint8_t value)
{
	bool on = value & FCR_ENABLE;

	if (on != u->fifo_on || (on && value & FCR_CLEAR_RX))
		fifo_clear(u);
	u->fifo_on = on;
	u->trigger = on ? fcr_triggers[value >> FCR_TRIGGER_SHIFT] : 1;
	receiver_update(u);
}

static void lcr_write(struct vuart *u, uint8_t value)
{
	bool begun = value & ~u->lcr & LCR_BREAK;

	u->lcr = value;
	if (begun && u->mcr & MCR_LOOP) {
		fifo_push(u, 0, LSR_BI | LSR_FE);
		receiver_update(u);
	}
}

/* The modem's lines: a null modem that is always there, or, in loopback mode, MCR's own outputs. */
static uint8_t modem_lines(const struct vuart *u)
{
	if (!(u->mcr & MCR_LOOP))
		return MSR_CONNECTED;
	return (u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
	       (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void mcr_write(struct vuart *u, uint8_t value)
{
	uint8_t old = modem_lines(u), lines, changed;

	u->mcr = value & MCR_ALL;
	lines = modem_lines(u);
	changed = old ^ lines;
	/* Only the end of a ring counts. */
	if (lines & MSR_RI)
		changed &= ~MSR_RI;
	u->msr = (u->msr & MSR_DELTAS) | lines | changed >> 4;
	receiver_update(u);
}

static uint8_t lsr_read(struct vuart *u)
{
	uint8_t lsr = u->lsr;

	if (likely(!(lsr & (LSR_ERRORS | LSR_FIFO_ERROR))))
		return lsr;
	u->lsr &= ~LSR_ERRORS;
	if (u->fifo_count && u->errors[u->fifo_first]) {
		u->errors[u->fifo_first] = 0;
		u->error_count--;
	}
	lsr_update(u);
	irq_update(u);
	return lsr;
}

static uint8_t msr_read(struct vuart *u)
{
	uint8_t msr = u->msr;

	if (msr & MSR_DELTAS) {
		u->msr &= ~MSR_DELTAS;
		irq_update(u);
	}
	return msr;
}

static uint8_t uart_read(struct vuart *u, unsigned reg)
{
	switch (reg) {
	case REG_DATA: return u->lcr & LCR_DLAB ? u->dll : data_read(u);
	case REG_IER: return u->lcr & LCR_DLAB ? u->dlm : u->ier;
	case REG_IIR: return iir_read(u);
	case REG_LCR: return u->lcr;
	case REG_MCR: return u->mcr;
	case REG_LSR: return lsr_read(u);
	case REG_MSR: return msr_read(u);
	default: return u->scratch;
	}
}

static void uart_write(struct vuart *u, unsigned reg, uint8_t value)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		if (dlab)
			u->dll = value;
		else
			data_write(u, value);
		break;
	case REG_IER:
		if (dlab)
			u->dlm = value;
		else
			ier_write(u, value);
		break;
	case REG_IIR: fcr_write(u, value); break;
	case REG_LCR: lcr_write(u, value); break;
	case REG_MCR: mcr_write(u, value); break;
	case REG_SCR: u->scratch = value; break;
	case REG_LSR: /* a factory test: ignored, as is a write to MSR */
	case REG_MSR: break;
	}
}

static void uart_access(struct vm *vm, void *dev, struct bus_access *a)
{
	struct vuart *u = dev;

	if (unlikely(a->size != 1))
		device_split(vm, dev, a, uart_access);
	else if (a->write)
		uart_write(u, a->offset % REGS, (uint8_t)a->value);
	else
		a->value = uart_read(u, a->offset % REGS);
}

static void com1_access(struct vm *vm, void *dev, struct bus_access *a)
{
	(void)dev;
	uart_access(vm, &vm->vuart[0], a);
}

static void com2_access(struct vm *vm, void *dev, struct bus_access *a)
{
	(void)dev;
	uart_access(vm, &vm->vuart[1], a);
}

/* What the user typed and nobody read yet stays in the ring. */
static void uart_reset(struct vuart *u)
{
	u->ier = u->lcr = u->mcr = u->scratch = u->dlm = 0;
	u->dll = DIVISOR_AT_RESET;
	u->lsr = LSR_EMPTY;
	u->msr = MSR_CONNECTED;
	u->fifo_on = u->thre_pending = false;
	u->trigger = 1;
	fifo_clear(u);
	receiver_update(u);
}

static void vuart_reset(struct vm *vm)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vm->vuart); i++)
		uart_reset(&vm->vuart[i]);
}

static int vuart_init(struct vm *vm)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vm->vuart); i++) {
		struct vuart *u = &vm->vuart[i];

		memset(u, 0, sizeof(*u));
		u->vm = vm;
		u->port = (uint8_t)i;
		u->origin_ns = time_ns();
		timer_init(&u->timer, uart_fire, u);
		uart_reset(u);
	}
	return 0;
}

static void vuart_fini(struct vm *vm)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vm->vuart); i++)
		timer_cancel(&vm->vuart[i].timer);
}

static const struct dev_ports vuart_ports[] = {
	{ VUART_COM1, REGS, "COM1", com1_access },
	{ VUART_COM2, REGS, "COM2", com2_access },
	{ 0 },
};

const struct dev_class vuart_class = {
	.name = "vuart",
	.ports = vuart_ports,
	.init = vuart_init,
	.reset = vuart_reset,
	.fini = vuart_fini,
};
