/* SPDX-License-Identifier: MIT */
/*
 * Two 16550A serial ports. The one idea: the wire is as fast as who listens, so a byte that is
 * written has been sent, and the transmitter is empty unless the console says that its line is
 * behind; what is typed waits in a ring behind the FIFO, so that pasted text is not lost; of
 * what finds no room there either the guest hears as an overrun.
 * Only the character time-out knows of the line's speed. National Semiconductor PC16550D data
 * sheet.
 */
#include "drivers/ns16550.h"
#include "lib/string.h"
#include "vmm/irqchip.h"
#include "vmm/vm.h"

enum {
	LSR_EMPTY = UART_LSR_THRE | UART_LSR_TEMT,
	MSR_DELTAS = UART_MSR_CTS_CHANGED | UART_MSR_DSR_CHANGED | UART_MSR_RI_ENDED |
		     UART_MSR_DCD_CHANGED,
	MSR_CONNECTED = UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD,
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
	if (u->ier & UART_IER_LINE && u->lsr & UART_LSR_ERRORS)
		return UART_IIR_LINE;
	if (u->ier & UART_IER_RX && u->fifo_count >= u->trigger)
		return UART_IIR_RX;
	if (u->ier & UART_IER_RX && u->timeout_pending)
		return UART_IIR_TIMEOUT;
	if (u->ier & UART_IER_THRE && u->thre_pending)
		return UART_IIR_THRE;
	if (u->ier & UART_IER_MODEM && u->msr & MSR_DELTAS)
		return UART_IIR_MODEM;
	return UART_IIR_NONE;
}

/* On a PC OUT2 connects the interrupt to the bus; in loopback mode that pin is inactive. */
static void irq_update(struct vuart *u)
{
	bool irq = (u->mcr & (UART_MCR_OUT2 | UART_MCR_LOOP)) == UART_MCR_OUT2 &&
		   source_find(u) != UART_IIR_NONE;

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
	unsigned bits = 1 + DATA_BITS_LEAST + (u->lcr & UART_LCR_WORD) +
			!!(u->lcr & UART_LCR_PARITY) + 1 + !!(u->lcr & UART_LCR_STOP);

	u->timeout_pending = false;
	u->timeout_ns = 0;
	if (!u->fifo_on || !u->fifo_count || u->fifo_count >= u->trigger || !(u->ier & UART_IER_RX))
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
	u->lsr &= ~(UART_LSR_DR | UART_LSR_FIFO_ERROR);
	if (!u->fifo_count)
		return;
	u->lsr |= UART_LSR_DR | u->errors[u->fifo_first];
	if (u->fifo_on && u->error_count)
		u->lsr |= UART_LSR_FIFO_ERROR;
}

static void fifo_clear(struct vuart *u)
{
	u->fifo_first = u->fifo_count = u->error_count = 0;
}

static void fifo_push(struct vuart *u, uint8_t byte, uint8_t errors)
{
	unsigned at;

	if (u->fifo_count == fifo_size(u)) {
		u->lsr |= UART_LSR_OE;
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
	while (u->ring_count && u->fifo_count < fifo_size(u) && !(u->mcr & UART_MCR_LOOP)) {
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

void vuart_overrun(struct vm *vm, unsigned port)
{
	if (port >= ARRAY_SIZE(vm->vuart))
		return;
	vm->vuart[port].lsr |= UART_LSR_OE;
	irq_update(&vm->vuart[port]);
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
	if (u->mcr & UART_MCR_LOOP) {
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

	if (u->lsr & UART_LSR_THRE)
		return;
	u->lsr |= LSR_EMPTY;
	u->thre_pending = true;
	irq_update(u);
}

static void ier_write(struct vuart *u, uint8_t value)
{
	uint8_t risen = value & ~u->ier;

	u->ier = value & UART_IER_BITS;
	if (risen & UART_IER_THRE && u->lsr & UART_LSR_THRE)
		u->thre_pending = true; /* the transmitter is empty: at once */
	if (risen & UART_IER_RX)
		timeout_restart(u);
	irq_update(u);
}

static uint8_t iir_read(struct vuart *u)
{
	uint8_t source = source_find(u);

	if (source == UART_IIR_THRE) {
		u->thre_pending = false;
		irq_update(u);
	}
	return source | (u->fifo_on ? UART_IIR_FIFO : 0);
}

static void fcr_write(struct vuart *u, uint8_t value)
{
	bool on = value & UART_FCR_ENABLE;

	if (on != u->fifo_on || (on && value & UART_FCR_CLEAR_RX))
		fifo_clear(u);
	u->fifo_on = on;
	u->trigger = on ? fcr_triggers[value >> UART_FCR_TRIGGER_SHIFT] : 1;
	receiver_update(u);
}

static void lcr_write(struct vuart *u, uint8_t value)
{
	bool begun = value & ~u->lcr & UART_LCR_BREAK;

	u->lcr = value;
	if (begun && u->mcr & UART_MCR_LOOP) {
		fifo_push(u, 0, UART_LSR_BI | UART_LSR_FE);
		receiver_update(u);
	}
}

/* The modem's lines: a null modem that is always there, or, in loopback mode, MCR's own outputs. */
static uint8_t modem_lines(const struct vuart *u)
{
	if (!(u->mcr & UART_MCR_LOOP))
		return MSR_CONNECTED;
	return (u->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
	       (u->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
	       (u->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
	       (u->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0);
}

static void mcr_write(struct vuart *u, uint8_t value)
{
	uint8_t old = modem_lines(u), lines, changed;

	u->mcr = value & UART_MCR_BITS;
	lines = modem_lines(u);
	changed = old ^ lines;
	/* Only the end of a ring counts. */
	if (lines & UART_MSR_RI)
		changed &= ~UART_MSR_RI;
	u->msr = (u->msr & MSR_DELTAS) | lines | changed >> 4;
	receiver_update(u);
}

static uint8_t lsr_read(struct vuart *u)
{
	uint8_t lsr = u->lsr;

	if (likely(!(lsr & (UART_LSR_ERRORS | UART_LSR_FIFO_ERROR))))
		return lsr;
	u->lsr &= ~UART_LSR_ERRORS;
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
	case UART_RBR: return u->lcr & UART_LCR_DLAB ? u->dll : data_read(u);
	case UART_IER: return u->lcr & UART_LCR_DLAB ? u->dlm : u->ier;
	case UART_IIR: return iir_read(u);
	case UART_LCR: return u->lcr;
	case UART_MCR: return u->mcr;
	case UART_LSR: return lsr_read(u);
	case UART_MSR: return msr_read(u);
	default: return u->scratch;
	}
}

static void uart_write(struct vuart *u, unsigned reg, uint8_t value)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_RBR:
		if (dlab)
			u->dll = value;
		else
			data_write(u, value);
		break;
	case UART_IER:
		if (dlab)
			u->dlm = value;
		else
			ier_write(u, value);
		break;
	case UART_IIR: fcr_write(u, value); break;
	case UART_LCR: lcr_write(u, value); break;
	case UART_MCR: mcr_write(u, value); break;
	case UART_SCR: u->scratch = value; break;
	case UART_LSR: /* a factory test: ignored, as is a write to MSR */
	case UART_MSR: break;
	}
}

static void uart_access(struct vm *vm, void *dev, struct bus_access *a)
{
	struct vuart *u = dev;

	if (unlikely(a->size != 1))
		device_split(vm, dev, a, uart_access);
	else if (a->write)
		uart_write(u, a->offset % UART_PORTS, (uint8_t)a->value);
	else
		a->value = uart_read(u, a->offset % UART_PORTS);
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
	{ VUART_COM1, UART_PORTS, "COM1", com1_access },
	{ VUART_COM2, UART_PORTS, "COM2", com2_access },
	{ 0 },
};

const struct dev_class vuart_class = {
	.name = "vuart",
	.ports = vuart_ports,
	.init = vuart_init,
	.reset = vuart_reset,
	.fini = vuart_fini,
};
