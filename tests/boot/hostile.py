# SPDX-License-Identifier: MIT
"""Guests that no machine can please: each is stopped with a message that says why; Plinth ends."""
import os

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


def test_fatal(box, emulator):
    for number, why in FATAL.items():
        result = box.run([(HOSTILE, "fatal=%d" % number)], memory=128, guest_ports=True, timeout=60)
        box.expect_no_fault(result)
        box.expect(result, "guest is stopped: .*" + why, "why fatal=%d ends" % number)
        box.expect(result, r"error: vm: guest: vCPU 0 when it was stopped:[\s\S]*rip \w{16} rflags"
                           r"[\s\S]*last exits[\s\S]*memory +at RIP \w{16}.*\n"
                           r"[\s\S]*code at RIP:[\s\S]*follow a call:\n", "the vCPU's state")
        if result.ended != "stopped by Plinth":
            raise Failure("fatal=%d ended with '%s'" % (number, result.ended))


def test_init(box, emulator):
    """An INIT that the guest sends itself: a reset, and the log says which."""
    result = box.run([(HOSTILE, "fatal=37")], memory=128, guest_ports=True, timeout=60)
    box.expect_no_fault(result)
    box.expect(result, r"guest is reset \(INIT\)")
    box.expect_status(result, GUEST_PASS)
