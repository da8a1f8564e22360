/* SPDX-License-Identifier: MIT */
/*
 * A PS/2 mouse with two or three buttons that speaks: it knows what a driver may ask or tell it.
 * What it is told is kept and can be read back; it lies still, so it never reports of itself.
 * IBM PS/2 Hardware Interface Technical Reference, "Mouse".
 */
#include "vmm/dev/vmouse.h"

enum mouse_command {
	MOUSE_SINGLE = 0xe6, /* scaling 1:1 */
	MOUSE_DOUBLE = 0xe7, /* 2:1 */
	MOUSE_RESOLUTION = 0xe8,
	MOUSE_STATUS = 0xe9,
	MOUSE_STREAM = 0xea,
	MOUSE_READ = 0xeb,
	MOUSE_WRAP_OFF = 0xec,
	MOUSE_WRAP = 0xee,
	MOUSE_REMOTE = 0xf0,
	MOUSE_IDENTIFY = 0xf2,
	MOUSE_RATE = 0xf3,
	MOUSE_ENABLE = 0xf4,
	MOUSE_DISABLE = 0xf5,
	MOUSE_DEFAULTS = 0xf6,
	MOUSE_RESEND = 0xfe,
	MOUSE_RESET = 0xff,
};

enum {
	MOUSE_ACK = 0xfa,
	MOUSE_SELF_TEST = 0xaa,
	MOUSE_NAK = 0xfe,
	MOUSE_ID = 0,		       /* one without a wheel */
	MOUSE_RESOLUTION_AT_RESET = 2, /* 4 counts a millimetre */
	MOUSE_RESOLUTION_LAST = 3,
	MOUSE_RATE_AT_RESET = 100, /* reports a second */
};

enum status { STATUS_DOUBLE = 1 << 4, STATUS_REPORTING = 1 << 5, STATUS_REMOTE = 1 << 6 };

/* The first byte of a report; the other two are the movement. */
enum report { REPORT_ALWAYS = 1 << 3 };

static void defaults_set(struct vmouse *m)
{
	m->resolution = MOUSE_RESOLUTION_AT_RESET;
	m->rate = MOUSE_RATE_AT_RESET;
	m->reporting = m->doubled = m->remote = false;
	m->command = 0;
}

void vmouse_reset(struct vmouse *m)
{
	defaults_set(m);
	m->wrap = false;
	ps2_clear(&m->queue);
}

static bool rate_is_valid(uint8_t rate)
{
	static const uint8_t rates[] = { 10, 20, 40, 60, 80, 100, 200 };

	for (unsigned i = 0; i < ARRAY_SIZE(rates); i++)
		if (rates[i] == rate)
			return true;
	return false;
}

/* The byte that a command waited for. */
static void data_write(struct vmouse *m, uint8_t byte)
{
	uint8_t command = m->command;

	m->command = 0;
	if (command == MOUSE_RATE && rate_is_valid(byte)) {
		m->rate = byte;
	} else if (command == MOUSE_RESOLUTION && byte <= MOUSE_RESOLUTION_LAST) {
		m->resolution = byte;
	} else {
		ps2_put(&m->queue, MOUSE_NAK);
		return;
	}
	ps2_put(&m->queue, MOUSE_ACK);
}

static void status_send(struct vmouse *m)
{
	ps2_put(&m->queue, MOUSE_ACK);
	ps2_put(&m->queue, (m->doubled ? STATUS_DOUBLE : 0) |
				   (m->reporting ? STATUS_REPORTING : 0) |
				   (m->remote ? STATUS_REMOTE : 0));
	ps2_put(&m->queue, m->resolution);
	ps2_put(&m->queue, m->rate);
}

static void report_send(struct vmouse *m)
{
	ps2_put(&m->queue, MOUSE_ACK);
	ps2_put(&m->queue, REPORT_ALWAYS);
	ps2_put(&m->queue, 0);
	ps2_put(&m->queue, 0);
}

static void reset_by_command(struct vmouse *m)
{
	vmouse_reset(m);
	ps2_put(&m->queue, MOUSE_ACK);
	ps2_put(&m->queue, MOUSE_SELF_TEST);
	ps2_put(&m->queue, MOUSE_ID);
}

static void command_write(struct vmouse *m, uint8_t byte)
{
	switch (byte) {
	case MOUSE_SINGLE:
	case MOUSE_DOUBLE: m->doubled = byte == MOUSE_DOUBLE; break;
	case MOUSE_STREAM:
	case MOUSE_REMOTE: m->remote = byte == MOUSE_REMOTE; break;
	case MOUSE_WRAP:
	case MOUSE_WRAP_OFF: m->wrap = byte == MOUSE_WRAP; break;
	case MOUSE_ENABLE:
	case MOUSE_DISABLE: m->reporting = byte == MOUSE_ENABLE; break;
	case MOUSE_RESOLUTION:
	case MOUSE_RATE: m->command = byte; break;
	case MOUSE_DEFAULTS: defaults_set(m); break;
	case MOUSE_STATUS: status_send(m); return;
	case MOUSE_READ: report_send(m); return;
	case MOUSE_IDENTIFY:
		ps2_put(&m->queue, MOUSE_ACK);
		ps2_put(&m->queue, MOUSE_ID);
		return;
	case MOUSE_RESEND: ps2_put(&m->queue, m->queue.last); return;
	case MOUSE_RESET: reset_by_command(m); return;
	default: ps2_put(&m->queue, MOUSE_NAK); return;
	}
	ps2_put(&m->queue, MOUSE_ACK);
}

void vmouse_write(struct vmouse *m, uint8_t byte)
{
	if (m->wrap && byte != MOUSE_WRAP_OFF && byte != MOUSE_RESET) {
		ps2_put(&m->queue, byte);
	} else if (m->command && byte < MOUSE_SINGLE) {
		data_write(m, byte);
	} else {
		m->command = 0;
		command_write(m, byte);
	}
}
