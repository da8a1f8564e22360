# SPDX-License-Identifier: MIT
"""The machine's processors: all that work are started, and one that does not is named and left out."""
import os
import struct

import machine
from boot_box import GUEST_PASS

HELLO = os.path.join(machine.BUILD, "guest", "hello.elf")
LAPIC, IOAPIC = 0xfee00000, 0xfec00000


def hello(box, **settings):
    result = box.run([(HELLO, "")], memory=64, guest_ports=True, timeout=200, **settings)
    box.expect_no_fault(result)
    box.expect_status(result, GUEST_PASS)
    return result


def madt(apic_ids):
    """An APIC table that names these processors, all of them enabled, and one I/O APIC."""
    body = struct.pack("<II", LAPIC, 1)
    for uid, apic_id in enumerate(apic_ids):
        body += struct.pack("<BBBBI", 0, 8, uid, apic_id, 1)
    body += struct.pack("<BBBBII", 1, 12, 0, 0, IOAPIC, 0)
    # Where a PC's timer and ACPI interrupts are wired to.
    body += struct.pack("<BBBBIH", 2, 10, 0, 0, 2, 0) + struct.pack("<BBBBIH", 2, 10, 0, 9, 9, 13)
    header = b"APIC" + struct.pack("<IBB6s8sI4sI", 36 + len(body), 3, 0, b"PLINTH", b"TEST    ", 1,
                                   b"TEST", 1)
    table = bytearray(header + body)
    table[9] = -sum(table) & 0xff
    return bytes(table)


def test_four(box, emulator):
    result = hello(box, cpus=4)
    box.expect(result, "smp: 4 processors, whose TSCs agree")


def test_dead(box, emulator):
    """The firmware names a processor that is not there."""
    result = hello(box, cpus=2, boot="iso", madt=box.file("madt.aml", madt([0, 7, 1])))
    box.expect(result, "error: cpu1: the processor with APIC ID 7, which the firmware names, does not "
                       "start: it is left out")
    box.expect(result, "smp: 2 processors, whose TSCs agree")


def test_panic(box, emulator):
    """Others run when the first one fails: they are stopped, and nothing but the panic is said."""
    result = box.run([(HELLO, "")], cpus=4, timeout=100, plinth="crash=ud")
    box.expect(result, r"PANIC: invalid opcode \(#UD\)")
    box.expect(result, "Plinth has stopped")
