// SPDX-License-Identifier: MIT
/* The keyboard controller, its keyboard and its mouse: self-tests, command byte, identification,
 * IRQ 1 and IRQ 12. */
#include "lib/apic.h"
#include "lib/cpu.h"
#include "lib/pic.h"
#include "lib/test.h"
#include "lib/time.h"
#include "lib/trap.h"

enum { STATUS_OUT_FULL = 1, STATUS_IN_FULL = 2, STATUS_AUX = 0x20 };
enum { NOTHING = 0x100, IRQ = 1, IRQ_AUX = 12 };
enum { CMD_READ_BYTE = 0x20, CMD_WRITE_BYTE = 0x60, CMD_SELF_TEST = 0xaa, CMD_KBD_TEST = 0xab };
enum { CMD_KBD_OFF = 0xad, CMD_KBD_ON = 0xae, CMD_READ_OUT = 0xd0, CMD_WRITE_OUT = 0xd1 };
enum { CMD_AUX_OFF = 0xa7, CMD_AUX_ON = 0xa8, CMD_AUX_TEST = 0xa9 };
enum { CMD_AUX_LOOP = 0xd3, CMD_AUX_WRITE = 0xd4 };
enum { OUT_A20 = 2, OUT_NO_RESET = 1 };
enum {
	BYTE_IRQ1 = 1,
	BYTE_IRQ12 = 2,
	BYTE_SYSTEM = 4,
	BYTE_KBD_OFF = 0x10,
	BYTE_AUX_OFF = 0x20,
	BYTE_TRANSLATE = 0x40
};
enum { KBD_LEDS = 0xed, KBD_ECHO = 0xee, KBD_SCANCODES = 0xf0, KBD_ID = 0xf2, KBD_RATE = 0xf3 };
enum { KBD_ENABLE = 0xf4, KBD_DISABLE = 0xf5, KBD_RESET = 0xff };
enum { MOUSE_STATUS = 0xe9, MOUSE_ID = 0xf2, MOUSE_RATE = 0xf3, MOUSE_ENABLE = 0xf4 };
enum { MOUSE_DISABLE = 0xf5, MOUSE_DEFAULTS = 0xf6, MOUSE_RESET = 0xff };
enum { ACK = 0xfa, BAT_OK = 0xaa, SELF_TEST_OK = 0x55 };

static void wait_in_empty(void)
{
	for (int i = 0; i < 10000 && (inb(I8042_STATUS) & STATUS_IN_FULL); i++)
		time_wait_us(10);
}

static unsigned receive(void)
{
	for (int i = 0; i < 20000; i++) {
		if (inb(I8042_STATUS) & STATUS_OUT_FULL)
			return inb(I8042_DATA);
		time_wait_us(50);
	}
	return NOTHING;
}

static void command(uint8_t c)
{
	wait_in_empty();
	outb(I8042_CMD, c);
	wait_in_empty();
}

static void send(uint8_t v)
{
	wait_in_empty();
	outb(I8042_DATA, v);
	wait_in_empty();
}

static void drain(void)
{
	time_wait_us(5000);
	for (int i = 0; i < 64 && (inb(I8042_STATUS) & STATUS_OUT_FULL); i++) {
		inb(I8042_DATA);
		time_wait_us(1000);
	}
}

static void set_command_byte(uint8_t v)
{
	command(CMD_WRITE_BYTE);
	send(v);
}

static void test_controller(void)
{
	command(CMD_SELF_TEST);
	check_eq("self-test", SELF_TEST_OK, receive());
	command(CMD_KBD_TEST);
	check_eq("the keyboard port's test", 0, receive());
	set_command_byte(BYTE_SYSTEM | BYTE_KBD_OFF);
	command(CMD_READ_BYTE);
	check_eq("command byte", BYTE_SYSTEM | BYTE_KBD_OFF, receive() & ~0x20u);
	command(CMD_KBD_ON);
	command(CMD_READ_BYTE);
	check_eq("command byte after the keyboard's port was opened", 0, receive() & BYTE_KBD_OFF);
	command(CMD_KBD_OFF);
	command(CMD_READ_BYTE);
	check_eq("and closed", BYTE_KBD_OFF, receive() & BYTE_KBD_OFF);
	command(CMD_KBD_ON);
	command(CMD_READ_OUT);
	check_eq("output port: no reset, A20 on", OUT_NO_RESET | OUT_A20,
		 receive() & (OUT_NO_RESET | OUT_A20));
	command(CMD_WRITE_OUT);
	send(OUT_NO_RESET | OUT_A20);
	check_eq("A20 is on", 0x12345678,
		 (*(volatile uint32_t *)0x600000 = 0x12345678, *(volatile uint32_t *)0x700000 = 1,
		  *(volatile uint32_t *)0x600000));
}

static void test_keyboard(void)
{
	set_command_byte(BYTE_SYSTEM);
	drain();
	send(KBD_DISABLE);
	check_eq("disable: acknowledged", ACK, receive());
	send(KBD_ID);
	check_eq("identify: acknowledged", ACK, receive());
	check_eq("identify: first byte of an MF2 keyboard", 0xab, receive());
	check_eq("identify: second byte", 0x83, receive());
	send(KBD_ECHO);
	check_eq("echo", KBD_ECHO, receive());
	send(KBD_LEDS);
	check_eq("LEDs: acknowledged", ACK, receive());
	send(2);
	check_eq("LEDs: parameter acknowledged", ACK, receive());
	send(KBD_RATE);
	check_eq("rate: acknowledged", ACK, receive());
	send(0x20);
	check_eq("rate: parameter acknowledged", ACK, receive());
	send(KBD_SCANCODES);
	check_eq("scan codes: acknowledged", ACK, receive());
	send(2);
	check_eq("scan codes: parameter acknowledged", ACK, receive());
	send(KBD_RESET);
	check_eq("reset: acknowledged", ACK, receive());
	check_eq("reset: its self-test", BAT_OK, receive());
	send(KBD_ENABLE);
	check_eq("enable: acknowledged", ACK, receive());
}

static void test_second_port(void)
{
	set_command_byte(BYTE_SYSTEM | BYTE_AUX_OFF);
	command(CMD_AUX_ON);
	command(CMD_READ_BYTE);
	check_eq("command byte after the mouse's port was opened", 0, receive() & BYTE_AUX_OFF);
	command(CMD_AUX_OFF);
	command(CMD_READ_BYTE);
	check_eq("and closed", BYTE_AUX_OFF, receive() & BYTE_AUX_OFF);
	command(CMD_AUX_TEST);
	check_eq("the mouse port's test", 0, receive());
	command(CMD_AUX_ON);
	command(CMD_AUX_LOOP);
	send(0x5a);
	check_eq("the loop's byte is the mouse's", STATUS_OUT_FULL | STATUS_AUX,
		 inb(I8042_STATUS) & (STATUS_OUT_FULL | STATUS_AUX));
	check_eq("a byte looped back", 0x5a, receive());
	check_eq("the buffer is empty", 0, inb(I8042_STATUS) & (STATUS_OUT_FULL | STATUS_AUX));
}

static void mouse_send(uint8_t v)
{
	command(CMD_AUX_WRITE);
	send(v);
}

static void test_mouse(void)
{
	mouse_send(MOUSE_RESET);
	check_eq("mouse reset: acknowledged", ACK, receive());
	check_eq("mouse reset: its self-test", BAT_OK, receive());
	check_eq("mouse reset: its ID", 0, receive());
	mouse_send(MOUSE_ID);
	for (int i = 0; i < 20000 && !(inb(I8042_STATUS) & STATUS_OUT_FULL); i++)
		time_wait_us(50);
	check_eq("its bytes are marked", STATUS_AUX, inb(I8042_STATUS) & STATUS_AUX);
	check_eq("mouse identify: acknowledged", ACK, receive());
	check_eq("mouse identify: a plain mouse", 0, receive());
	mouse_send(MOUSE_RATE);
	check_eq("mouse rate: acknowledged", ACK, receive());
	mouse_send(40);
	check_eq("mouse rate: parameter acknowledged", ACK, receive());
	mouse_send(MOUSE_ENABLE);
	check_eq("mouse enable: acknowledged", ACK, receive());
	mouse_send(MOUSE_STATUS);
	check_eq("mouse status: acknowledged", ACK, receive());
	check_eq("mouse status: enabled", 0x20, receive());
	check_eq("mouse status: resolution", 2, receive());
	check_eq("mouse status: rate", 40, receive());
	mouse_send(MOUSE_DEFAULTS);
	check_eq("mouse defaults: acknowledged", ACK, receive());
	mouse_send(MOUSE_DISABLE);
	check_eq("mouse disable: acknowledged", ACK, receive());
}

static volatile unsigned seen;

static void take(struct trap_frame *f)
{
	(void)f;
	seen = inb(I8042_DATA);
	pic_eoi(IRQ);
}

static void test_interrupt(void)
{
	drain();
	pic_init();
	trap_set_handler(PIC_VECTOR + IRQ, take);
	pic_set_mask(IRQ, false);
	set_command_byte(BYTE_SYSTEM | BYTE_IRQ1);
	seen = NOTHING;
	irq_enable();
	outb(I8042_DATA, KBD_ECHO);
	time_wait_us(20000);
	irq_disable();
	check_eq("IRQ 1 brings the keyboard's byte", KBD_ECHO, seen);
	check_eq("interrupts", 1, trap_count[PIC_VECTOR + IRQ]);
	set_command_byte(BYTE_SYSTEM);
	seen = NOTHING;
	irq_enable();
	outb(I8042_DATA, KBD_ECHO);
	time_wait_us(20000);
	irq_disable();
	check_eq("no interrupt where the command byte has it off", NOTHING, seen);
	check_eq("the byte is there all the same", KBD_ECHO, receive());
	set_command_byte(BYTE_SYSTEM | BYTE_IRQ1 | BYTE_TRANSLATE);
}

static void take_aux(struct trap_frame *f)
{
	(void)f;
	seen = inb(I8042_STATUS) & STATUS_AUX ? inb(I8042_DATA) : NOTHING;
	pic_eoi(IRQ_AUX);
}

static void test_mouse_interrupt(void)
{
	drain();
	trap_set_handler(PIC_VECTOR + IRQ_AUX, take_aux);
	pic_set_mask(IRQ_AUX, false);
	set_command_byte(BYTE_SYSTEM | BYTE_IRQ1 | BYTE_IRQ12);
	seen = NOTHING;
	irq_enable();
	mouse_send(MOUSE_DISABLE);
	time_wait_us(20000);
	irq_disable();
	check_eq("IRQ 12 brings the mouse's byte", ACK, seen);
	check_eq("interrupts of the mouse", 1, trap_count[PIC_VECTOR + IRQ_AUX]);
	set_command_byte(BYTE_SYSTEM | BYTE_IRQ1 | BYTE_AUX_OFF | BYTE_TRANSLATE);
}

void guest_main(void)
{
	apic_init_virtual_wire();
	time_tsc_per_ms();
	drain();
	test_controller();
	test_keyboard();
	test_second_port();
	test_mouse();
	test_interrupt();
	test_mouse_interrupt();
}
