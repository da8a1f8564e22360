# SPDX-License-Identifier: MIT
"""Guests that no machine can please: each is stopped with a message that says why; Plinth ends."""
import os
import re

import hostile_runs
import machine
from boot_box import GUEST_PASS, Failure

HOSTILE = os.path.join(machine.BUILD, "guest", "hostile.elf")
# By the number in tests/guest/hostile/fatal.c.
FATAL = {
    1: "executes at 0xd0000000, where it has no memory",
    2: "executes at 0xfee00000",
    7: "the delivery of vector 6 touches 0xd00000",
    9: "the delivery of vector 85 touches 0xd00000",
    11: "page tables at 0xd0000000",
    17: "page tables at 0xd0000000",
    21: "the delivery of vector 6 touches 0xd00000",
    30: "executes at 0x8000000",
}


# With which every attack has done what it has to do once, or the dearer ones a part of it.
SEED = 1
ROUNDS = {"memory": 40, "opcodes": 42, "ports": 128, "interrupts": 32}


def test_fatal(box, emulator):
    for number, why in FATAL.items():
        result = box.run([(HOSTILE, "fatal=%d" % number)], memory=128, guest_ports=True, timeout=60)
        box.expect_no_fault(result)
        box.expect(result, "guest is stopped: .*" + why, "why fatal=%d ends" % number)
        box.expect(result, r"error: vm: guest: vCPU 0 when it was stopped:[\s\S]*guest: rip \w{16} "
                           r"rflags[\s\S]*last exits[\s\S]*memory +at RIP \w{16}.*\n"
                           r"[\s\S]*code at RIP:[\s\S]*follow a call:\n", "the vCPU's state")
        if result.ended != "stopped by Plinth":
            raise Failure("fatal=%d ended with '%s'" % (number, result.ended))


def test_init(box, emulator):
    """An INIT that the guest sends itself: a reset, and the log says which."""
    result = box.run([(HOSTILE, "fatal=37")], memory=128, guest_ports=True, timeout=60)
    box.expect_no_fault(result)
    box.expect(result, r"guest is reset \(INIT\)")
    box.expect_status(result, GUEST_PASS)


def attack(name, seconds):
    """The test that runs an attack."""
    def function(box, emulator):
        hostile_runs.run(box, emulator, name, SEED, rounds=ROUNDS.get(name))

    function.seconds = seconds
    return function


test_mixture = attack("mixture", 10)
test_memory = attack("memory", 25)
test_ports = attack("ports", 25)
test_msrs = attack("msrs", 5)
test_cpuid = attack("cpuid", 5)
test_registers = attack("registers", 10)
test_interrupts = attack("interrupts", 10)
test_opcodes = attack("opcodes", 30)
test_selfmod = attack("selfmod", 15)
test_devices = attack("devices", 10)
test_ends = attack("ends", 10)
test_fatal_all = attack("fatal", 200)
test_fatal_all.long = ("qemu", "bochs")


def test_resets_told(box, emulator):
    """A guest that does nothing but reset itself does not fill the log."""
    words = "attack=resets seed=0x1 rounds=70"
    result = box.run([(HOSTILE, words)], memory=128, guest_ports=True, timeout=120)
    box.expect_status(result, GUEST_PASS)
    told = re.findall(r"guest is reset \((.*?)\)(.*)", result.output)
    if len(told) != 18 or not told[-1][1].startswith(", 64 times"):
        raise Failure("of 70 resets were told %d, the last as '%s'" % (len(told), told[-1:]))
    if len(re.findall("load: multiboot kernel", result.output)) != 1:
        raise Failure("the kernel is told of more than once")
