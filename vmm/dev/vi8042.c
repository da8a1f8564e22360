/* SPDX-License-Identifier: MIT */
/*
 * The 8042 keyboard controller of a PC/AT with a keyboard, and without the port for a mouse; and
 * system control port A. It is there for guests that look for a keyboard, and for the reset line
 * and the A20 gate, which hang off it for historical reasons. Nobody types on it.
 * IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller".
 */
#include "lib/string.h"
#include "vmm/irqchip.h"
#include "vmm/vm.h"

enum i8042_port {
	PORT_DATA = 0x60,
	PORT_CONTROL_A = 0x92,
	PORT_COMMAND = 0x64, /* STATUS when read */
};

enum status {
	STATUS_OBF = 1 << 0,
	STATUS_SYS = 1 << 2, /* the self test has been passed */
	STATUS_CMD = 1 << 3, /* the last write was to 64h */
	STATUS_UNLOCKED = 1 << 4,
};

/* The command byte, ram[0]. */
enum command_byte {
	CTR_KEY_IRQ = 1 << 0,
	CTR_SYS = 1 << 2,
	CTR_KEY_OFF = 1 << 4,
	CTR_AUX_OFF = 1 << 5,
	CTR_TRANSLATE = 1 << 6,
	CTR_AT_RESET = CTR_KEY_IRQ | CTR_SYS | CTR_AUX_OFF | CTR_TRANSLATE,
};

enum output_port {
	OUT_NO_RESET = 1 << 0,
	OUT_A20 = 1 << 1,
	OUT_KEY_IRQ = 1 << 4,
	OUT_KEY_DATA = 1 << 7,
	OUT_AT_RESET = OUT_NO_RESET | OUT_A20 | OUT_KEY_DATA | 0x0c,
};

enum controller_command {
	CMD_READ_RAM = 0x20, /* … 3F: the byte */
	CMD_WRITE_RAM = 0x60,
	CMD_RAM_MASK = 0x1f,
	CMD_TEST_PASSWORD = 0xa4,
	CMD_AUX_DISABLE = 0xa7,
	CMD_AUX_ENABLE = 0xa8,
	CMD_AUX_TEST = 0xa9,
	CMD_SELF_TEST = 0xaa,
	CMD_KEY_TEST = 0xab,
	CMD_KEY_DISABLE = 0xad,
	CMD_KEY_ENABLE = 0xae,
	CMD_READ_INPUT_PORT = 0xc0,
	CMD_READ_OUTPUT_PORT = 0xd0,
	CMD_WRITE_OUTPUT_PORT = 0xd1,
	CMD_WRITE_KEY_BUFFER = 0xd2,
	CMD_WRITE_AUX_BUFFER = 0xd3,
	CMD_WRITE_AUX = 0xd4,
	CMD_A20_OFF = 0xdd,
	CMD_A20_ON = 0xdf,
	CMD_READ_TEST_INPUTS = 0xe0,
	CMD_PULSE = 0xf0, /* … FF: the output port's bits that are 0 here */
};

enum {
	REPLY_SELF_TEST = 0x55,
	REPLY_TEST_GOOD = 0,
	REPLY_AUX_CLOCK_LOW = 1, /* nothing is on that connector */
	REPLY_NO_PASSWORD = 0xf1,
	INPUT_UNLOCKED = 0x80,
};

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

enum control_a { CONTROL_A_RESET = 1 << 0, CONTROL_A_A20 = 1 << 1 };

/*
 * With translation on, the controller turns scan code set 2 into set 1, whatever the byte means.
 * Of what this keyboard sends, that changes its identity and the number of its scan code set.
 */
static uint8_t key_translate(uint8_t byte)
{
	static const uint8_t low[] = { 0xff, 0x43, 0x41, 0x3f };

	if (byte < ARRAY_SIZE(low))
		return low[byte];
	return byte == KEY_ID_SECOND ? 0x41 : byte;
}

static void irq_update(struct vm *vm)
{
	struct vi8042 *k = &vm->vi8042;
	bool irq = k->status & STATUS_OBF && k->ram[0] & CTR_KEY_IRQ && !(k->ram[0] & CTR_KEY_OFF);

	if (irq == k->irq)
		return;
	k->irq = irq;
	irqchip_line(vm, IRQ_KEYBOARD, irq);
}

/* Fills the output buffer where it is empty: the controller's own answers go first. */
static void buffer_fill(struct vm *vm)
{
	struct vi8042 *k = &vm->vi8042;

	if (!(k->status & STATUS_OBF) && k->has_reply) {
		k->data = k->reply;
		k->has_reply = false;
		k->status |= STATUS_OBF;
	} else if (!(k->status & STATUS_OBF) && k->queue_count && !(k->ram[0] & CTR_KEY_OFF)) {
		uint8_t byte = k->queue[k->queue_first];

		k->queue_first = (k->queue_first + 1) % VI8042_QUEUE;
		k->queue_count--;
		k->data = k->ram[0] & CTR_TRANSLATE ? key_translate(byte) : byte;
		k->status |= STATUS_OBF;
	}
	irq_update(vm);
}

static void controller_reply(struct vm *vm, uint8_t byte)
{
	vm->vi8042.reply = byte;
	vm->vi8042.has_reply = true;
	buffer_fill(vm);
}

/* The keyboard sends; what its buffer does not hold is lost. */
static void key_send(struct vi8042 *k, uint8_t byte)
{
	if (k->queue_count == VI8042_QUEUE)
		return;
	k->queue[(k->queue_first + k->queue_count++) % VI8042_QUEUE] = byte;
	k->key_last = byte;
}

static void key_defaults(struct vi8042 *k)
{
	k->key_set = KEY_SET_AT_RESET;
	k->key_rate = KEY_RATE_AT_RESET;
	k->key_command = 0;
	k->queue_first = k->queue_count = 0;
}

/* The byte that a command waited for. */
static void key_data_write(struct vi8042 *k, uint8_t byte)
{
	uint8_t command = k->key_command;

	k->key_command = 0;
	switch (command) {
	case KEY_LEDS: k->key_leds = byte; break;
	case KEY_RATE: k->key_rate = byte; break;
	case KEY_SET:
		if (byte > KEY_SETS) {
			key_send(k, KEY_NAK);
			return;
		}
		if (!byte) {
			key_send(k, KEY_ACK);
			key_send(k, k->key_set);
			return;
		}
		k->key_set = byte;
		break;
	}
	key_send(k, KEY_ACK);
}

static void key_command_write(struct vi8042 *k, uint8_t byte)
{
	switch (byte) {
	case KEY_ECHO: key_send(k, KEY_ECHO); return;
	case KEY_RESEND: key_send(k, k->key_last); return;
	case KEY_LEDS:
	case KEY_SET:
	case KEY_RATE:
	case KEY_ONE_FIRST ... KEY_ONE_LAST: k->key_command = byte; break;
	case KEY_ENABLE: k->key_scanning = true; break;
	case KEY_DISABLE:
		key_defaults(k);
		k->key_scanning = false;
		break;
	case KEY_DEFAULTS: key_defaults(k); break;
	case KEY_ALL_FIRST ... KEY_ALL_LAST: break;
	case KEY_IDENTIFY:
		key_send(k, KEY_ACK);
		key_send(k, KEY_ID_FIRST);
		key_send(k, KEY_ID_SECOND);
		return;
	case KEY_RESET:
		key_defaults(k);
		k->key_leds = 0;
		k->key_scanning = true;
		key_send(k, KEY_ACK);
		key_send(k, KEY_SELF_TEST);
		return;
	default: key_send(k, KEY_NAK); return;
	}
	key_send(k, KEY_ACK);
}

/* A byte for the keyboard; sending it switches the keyboard's clock on. */
static void key_write(struct vm *vm, uint8_t byte)
{
	struct vi8042 *k = &vm->vi8042;

	k->ram[0] &= ~CTR_KEY_OFF;
	if (k->key_command && byte < KEY_LEDS) {
		key_data_write(k, byte);
	} else {
		k->key_command = 0;
		key_command_write(k, byte);
	}
	buffer_fill(vm);
}

/* A20 is a bit that reads back: no guest of today's runs with the line forced low. */
static void output_port_write(struct vm *vm, uint8_t value)
{
	vm->vi8042.output_port = value | OUT_NO_RESET;
	if (!(value & OUT_NO_RESET))
		vm_request_end(vm, VM_RESET, "keyboard controller");
}

static uint8_t output_port_read(const struct vi8042 *k)
{
	return (k->output_port & ~OUT_KEY_IRQ) | (k->irq ? OUT_KEY_IRQ : 0);
}

/* The byte that a command of the controller's waited for. */
static void command_data_write(struct vm *vm, uint8_t byte)
{
	struct vi8042 *k = &vm->vi8042;
	uint8_t command = k->command;

	k->command = 0;
	switch (command) {
	case CMD_WRITE_RAM ... CMD_WRITE_RAM + CMD_RAM_MASK:
		k->ram[command & CMD_RAM_MASK] = byte;
		k->status &= ~STATUS_SYS;
		k->status |= k->ram[0] & CTR_SYS ? STATUS_SYS : 0;
		buffer_fill(vm);
		break;
	case CMD_WRITE_OUTPUT_PORT: output_port_write(vm, byte); break;
	case CMD_WRITE_KEY_BUFFER:
	/* A byte that should come back as the mouse's: without that port, as the keyboard's. */
	case CMD_WRITE_AUX_BUFFER: controller_reply(vm, byte); break;
	case CMD_WRITE_AUX: break; /* nobody is there */
	}
}

static void command_write(struct vm *vm, uint8_t command)
{
	struct vi8042 *k = &vm->vi8042;

	k->command = 0;
	switch (command) {
	case CMD_READ_RAM ... CMD_READ_RAM + CMD_RAM_MASK:
		controller_reply(vm, k->ram[command & CMD_RAM_MASK]);
		break;
	case CMD_WRITE_RAM ... CMD_WRITE_RAM + CMD_RAM_MASK:
	case CMD_WRITE_OUTPUT_PORT ... CMD_WRITE_AUX: k->command = command; break;
	case CMD_TEST_PASSWORD: controller_reply(vm, REPLY_NO_PASSWORD); break;
	case CMD_AUX_DISABLE: k->ram[0] |= CTR_AUX_OFF; break;
	case CMD_AUX_ENABLE: k->ram[0] &= ~CTR_AUX_OFF; break;
	case CMD_AUX_TEST: controller_reply(vm, REPLY_AUX_CLOCK_LOW); break;
	case CMD_SELF_TEST:
		k->ram[0] |= CTR_SYS;
		k->status |= STATUS_SYS;
		controller_reply(vm, REPLY_SELF_TEST);
		break;
	case CMD_KEY_TEST: controller_reply(vm, REPLY_TEST_GOOD); break;
	case CMD_KEY_DISABLE: k->ram[0] |= CTR_KEY_OFF; break;
	case CMD_KEY_ENABLE: k->ram[0] &= ~CTR_KEY_OFF; break;
	case CMD_READ_INPUT_PORT: controller_reply(vm, INPUT_UNLOCKED); break;
	case CMD_READ_OUTPUT_PORT: controller_reply(vm, output_port_read(k)); break;
	case CMD_A20_OFF: k->output_port &= ~OUT_A20; break;
	case CMD_A20_ON: k->output_port |= OUT_A20; break;
	case CMD_READ_TEST_INPUTS: controller_reply(vm, 0); break;
	case CMD_PULSE ... UINT8_MAX:
		if (!(command & OUT_NO_RESET))
			vm_request_end(vm, VM_RESET, "keyboard controller");
		break;
	}
	buffer_fill(vm);
}

static void data_access(struct vm *vm, void *dev, struct bus_access *a)
{
	struct vi8042 *k = &vm->vi8042;

	(void)dev;
	if (!a->write) {
		a->value = k->data;
		k->status &= ~STATUS_OBF;
		irq_update(vm); /* the next byte makes an edge */
		buffer_fill(vm);
		return;
	}
	k->status &= ~STATUS_CMD;
	if (k->command)
		command_data_write(vm, (uint8_t)a->value);
	else
		key_write(vm, (uint8_t)a->value);
}

static void command_access(struct vm *vm, void *dev, struct bus_access *a)
{
	(void)dev;
	if (!a->write) {
		a->value = vm->vi8042.status;
		return;
	}
	vm->vi8042.status |= STATUS_CMD;
	command_write(vm, (uint8_t)a->value);
}

/* System control port A: "fast" A20 and reset. */
static void control_a_access(struct vm *vm, void *dev, struct bus_access *a)
{
	struct vi8042 *k = &vm->vi8042;

	(void)dev;
	if (!a->write) {
		a->value = k->output_port & OUT_A20 ? CONTROL_A_A20 : 0;
		return;
	}
	k->output_port &= ~OUT_A20;
	k->output_port |= a->value & CONTROL_A_A20 ? OUT_A20 : 0;
	if (a->value & CONTROL_A_RESET)
		vm_request_end(vm, VM_RESET, "system control port A");
}

static void vi8042_reset(struct vm *vm)
{
	struct vi8042 *k = &vm->vi8042;
	bool irq = k->irq;

	memset(k, 0, sizeof(*k));
	k->irq = irq;
	k->ram[0] = CTR_AT_RESET;
	k->status = STATUS_SYS | STATUS_UNLOCKED;
	k->output_port = OUT_AT_RESET;
	k->key_scanning = true;
	key_defaults(k);
	irq_update(vm);
}

static int vi8042_init(struct vm *vm)
{
	memset(&vm->vi8042, 0, sizeof(vm->vi8042));
	vi8042_reset(vm);
	return 0;
}

static const struct dev_ports vi8042_ports[] = {
	{ PORT_DATA, 1, "i8042 data", data_access },
	{ PORT_COMMAND, 1, "i8042 command", command_access },
	{ PORT_CONTROL_A, 1, "system control A", control_a_access },
	{ 0 },
};

const struct dev_class vi8042_class = {
	.name = "vi8042",
	.ports = vi8042_ports,
	.init = vi8042_init,
	.reset = vi8042_reset,
};
