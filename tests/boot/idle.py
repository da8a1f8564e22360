# SPDX-License-Identifier: MIT
"""A guest that sleeps costs nothing: no exits, no interrupts, whatever the time that it sleeps."""
import os
import re

import machine
from boot_box import GUEST_PASS, Failure

LIFE = os.path.join(machine.BUILD, "guest", "life.elf")
# They differ by 55 periods of the PIT, so that it stands at the same place when the sleep ends. And
# where the host's APIC compares with no TSC, its count has 32 bits: 4.3 s of QEMU's clock.
SHORT_MS, LONG_MS = 500, 3521
COUNTS = {
    "exits": r"exits: (\d+)$",
    "interrupts of CPU 0": r"cpu0: (\d+) interrupts, \d+ of them its timer's$",
    "interrupts of its timer": r"cpu0: \d+ interrupts, (\d+) of them its timer's$",
}


def slept(box, ms):
    """What Plinth has counted when a guest has slept for so long, by a single HLT."""
    result = box.run([(LIFE, "do=sleep ms=%d" % ms)], memory=64, guest_ports=True, timeout=120)
    box.expect_no_fault(result)
    box.expect_status(result, GUEST_PASS)
    asleep = int(box.expect(result, r"times: vCPU 0 .* slept (\d+) us").group(1))
    if abs(asleep / 1000 - ms) > 50:
        raise Failure("it has slept for %d us, not for %d ms" % (asleep, ms))
    return {what: int(box.expect(result, pattern, what).group(1))
            for what, pattern in COUNTS.items()}


def test_hlt(box, emulator):
    """It has one timer, for the end; and the PIT runs, as firmware leaves it, with its pin masked."""
    short, long = slept(box, SHORT_MS), slept(box, LONG_MS)
    for what, n in long.items():
        if n != short[what]:
            raise Failure("asleep for %d ms it costs %d %s, for %d ms %d" % (
                LONG_MS, n, what, SHORT_MS, short[what]))
