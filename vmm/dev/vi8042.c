/* SPDX-License-Identifier: MIT */
/*
 * The 8042 keyboard controller of a PS/2 with a keyboard and a mouse ("auxiliary device", AUX), and
 * system control port A. It is there for guests that look for them, and for the reset line and the
 * A20 gate, which hang off it for historical reasons. Three speak through one output buffer: the
 * controller first, then the keyboard, then the mouse; for a mouse's byte there is a status bit.
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
	STATUS_AUX = 1 << 5, /* the output buffer's byte is the mouse's */
};

/* The command byte, ram[0]. */
enum command_byte {
	CTR_KEY_IRQ = 1 << 0,
	CTR_AUX_IRQ = 1 << 1,
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
	OUT_AUX_IRQ = 1 << 5,
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
	REPLY_NO_PASSWORD = 0xf1,
	INPUT_UNLOCKED = 0x80,
};

enum control_a { CONTROL_A_RESET = 1 << 0, CONTROL_A_A20 = 1 << 1 };

enum { SET2_ID = 0x83, SET1_ID = 0x41 };

/*
 * With translation on, the controller turns scan code set 2 into set 1, whatever the byte means.
 * Of what this keyboard sends, that changes its identity and the number of its scan code set.
 */
static uint8_t key_translate(uint8_t byte)
{
	static const uint8_t low[] = { 0xff, 0x43, 0x41, 0x3f };

	if (byte < ARRAY_SIZE(low))
		return low[byte];
	return byte == SET2_ID ? SET1_ID : byte;
}

static void line_update(struct vm *vm, bool *line, unsigned isa_irq, bool level)
{
	if (level == *line)
		return;
	*line = level;
	irqchip_line(vm, isa_irq, level);
}

static void irq_update(struct vm *vm)
{
	struct vi8042 *k = &vm->vi8042;
	bool full = k->status & STATUS_OBF, aux = k->status & STATUS_AUX;

	line_update(vm, &k->irq, IRQ_KEYBOARD,
		    full && !aux && k->ram[0] & CTR_KEY_IRQ && !(k->ram[0] & CTR_KEY_OFF));
	line_update(vm, &k->aux_irq, IRQ_MOUSE, full && aux && k->ram[0] & CTR_AUX_IRQ);
}

static void buffer_put(struct vi8042 *k, uint8_t byte, bool aux)
{
	k->data = byte;
	k->status |= STATUS_OBF | (aux ? STATUS_AUX : 0);
}

/* The output buffer is empty: takes the next byte, if there is one and its clock is on. */
static void buffer_take(struct vi8042 *k)
{
	if (k->has_reply) {
		k->has_reply = false;
		buffer_put(k, k->reply, k->reply_is_aux);
	} else if (k->keyboard.queue.count && !(k->ram[0] & CTR_KEY_OFF)) {
		uint8_t byte = ps2_take(&k->keyboard.queue);

		buffer_put(k, k->ram[0] & CTR_TRANSLATE ? key_translate(byte) : byte, false);
	} else if (k->mouse.queue.count && !(k->ram[0] & CTR_AUX_OFF)) {
		buffer_put(k, ps2_take(&k->mouse.queue), true);
	}
}

/* After each change of what it depends on. */
static void buffer_fill(struct vm *vm)
{
	if (!(vm->vi8042.status & STATUS_OBF))
		buffer_take(&vm->vi8042);
	irq_update(vm);
}

static void reply_make(struct vm *vm, uint8_t byte, bool aux)
{
	vm->vi8042.reply = byte;
	vm->vi8042.reply_is_aux = aux;
	vm->vi8042.has_reply = true;
	buffer_fill(vm);
}

static void controller_reply(struct vm *vm, uint8_t byte)
{
	reply_make(vm, byte, false);
}

/* A byte for the keyboard; sending it switches the keyboard's clock on. */
static void keyboard_write(struct vm *vm, uint8_t byte)
{
	vm->vi8042.ram[0] &= ~CTR_KEY_OFF;
	vkeyboard_write(&vm->vi8042.keyboard, byte);
	buffer_fill(vm);
}

/* And for the mouse likewise. */
static void mouse_write(struct vm *vm, uint8_t byte)
{
	vm->vi8042.ram[0] &= ~CTR_AUX_OFF;
	vmouse_write(&vm->vi8042.mouse, byte);
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
	return (k->output_port & ~(OUT_KEY_IRQ | OUT_AUX_IRQ)) | (k->irq ? OUT_KEY_IRQ : 0) |
	       (k->aux_irq ? OUT_AUX_IRQ : 0);
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
	case CMD_WRITE_KEY_BUFFER: controller_reply(vm, byte); break;
	case CMD_WRITE_AUX_BUFFER: reply_make(vm, byte, true); break;
	case CMD_WRITE_AUX: mouse_write(vm, byte); break;
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
	case CMD_AUX_TEST:
	case CMD_KEY_TEST: controller_reply(vm, REPLY_TEST_GOOD); break;
	case CMD_SELF_TEST:
		k->ram[0] |= CTR_SYS;
		k->status |= STATUS_SYS;
		controller_reply(vm, REPLY_SELF_TEST);
		break;
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
		k->status &= ~(STATUS_OBF | STATUS_AUX);
		irq_update(vm); /* the next byte makes an edge */
		buffer_fill(vm);
		return;
	}
	k->status &= ~STATUS_CMD;
	if (k->command)
		command_data_write(vm, (uint8_t)a->value);
	else
		keyboard_write(vm, (uint8_t)a->value);
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
	bool irq = k->irq, aux_irq = k->aux_irq;

	memset(k, 0, sizeof(*k));
	k->irq = irq;
	k->aux_irq = aux_irq;
	k->ram[0] = CTR_AT_RESET;
	k->status = STATUS_SYS | STATUS_UNLOCKED;
	k->output_port = OUT_AT_RESET;
	vkeyboard_reset(&k->keyboard);
	vmouse_reset(&k->mouse);
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
