/* SPDX-License-Identifier: MIT */
/*
 * An MF2 keyboard that speaks: it knows what a driver may ask or tell it. What it is told is kept,
 * and means nothing, for there are no keys.
 * IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)".
 */
#include "vmm/dev/vkeyboard.h"

enum key_command {
	KEY_LEDS = 0xed,
	KEY_ECHO = 0xee,
	KEY_SET = 0xf0,
	KEY_IDENTIFY = 0xf2,
	KEY_RATE = 0xf3,
	KEY_ENABLE = 0xf4,
	KEY_DISABLE = 0xf5,
	KEY_DEFAULTS = 0xf6,
	KEY_ALL_FIRST = 0xf7, /* F7 … FA: how all keys of set 3 behave */
	KEY_ALL_LAST = 0xfa,
	KEY_ONE_FIRST = 0xfb, /* FB … FD: how one does */
	KEY_ONE_LAST = 0xfd,
	KEY_RESEND = 0xfe,
	KEY_RESET = 0xff,
};

enum {
	KEY_ACK = 0xfa,
	KEY_SELF_TEST = 0xaa,
	KEY_NAK = 0xfe,
	KEY_ID_FIRST = 0xab,
	KEY_ID_SECOND = 0x83,
	KEY_SETS = 3,
	KEY_SET_AT_RESET = 2,
	KEY_RATE_AT_RESET = 0x2b, /* 10.9 a second after half a second */
};

static void defaults_set(struct vkeyboard *k)
{
	k->set = KEY_SET_AT_RESET;
	k->rate = KEY_RATE_AT_RESET;
	k->command = 0;
	ps2_clear(&k->queue);
}

void vkeyboard_reset(struct vkeyboard *k)
{
	defaults_set(k);
	k->leds = 0;
	k->scanning = true;
}

/* The byte that a command waited for. */
static void data_write(struct vkeyboard *k, uint8_t byte)
{
	uint8_t command = k->command;

	k->command = 0;
	switch (command) {
	case KEY_LEDS: k->leds = byte; break;
	case KEY_RATE: k->rate = byte; break;
	case KEY_SET:
		if (byte > KEY_SETS) {
			ps2_put(&k->queue, KEY_NAK);
			return;
		}
		if (!byte) {
			ps2_put(&k->queue, KEY_ACK);
			ps2_put(&k->queue, k->set);
			return;
		}
		k->set = byte;
		break;
	}
	ps2_put(&k->queue, KEY_ACK);
}

static void command_write(struct vkeyboard *k, uint8_t byte)
{
	switch (byte) {
	case KEY_ECHO: ps2_put(&k->queue, KEY_ECHO); return;
	case KEY_RESEND: ps2_put(&k->queue, k->queue.last); return;
	case KEY_LEDS:
	case KEY_SET:
	case KEY_RATE:
	case KEY_ONE_FIRST ... KEY_ONE_LAST: k->command = byte; break;
	case KEY_ENABLE: k->scanning = true; break;
	case KEY_DISABLE:
		defaults_set(k);
		k->scanning = false;
		break;
	case KEY_DEFAULTS: defaults_set(k); break;
	case KEY_ALL_FIRST ... KEY_ALL_LAST: break;
	case KEY_IDENTIFY:
		ps2_put(&k->queue, KEY_ACK);
		ps2_put(&k->queue, KEY_ID_FIRST);
		ps2_put(&k->queue, KEY_ID_SECOND);
		return;
	case KEY_RESET:
		vkeyboard_reset(k);
		ps2_put(&k->queue, KEY_ACK);
		ps2_put(&k->queue, KEY_SELF_TEST);
		return;
	default: ps2_put(&k->queue, KEY_NAK); return;
	}
	ps2_put(&k->queue, KEY_ACK);
}

void vkeyboard_write(struct vkeyboard *k, uint8_t byte)
{
	if (k->command && byte < KEY_LEDS) {
		data_write(k, byte);
	} else {
		k->command = 0;
		command_write(k, byte);
	}
}
