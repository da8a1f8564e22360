# SPDX-License-Identifier: MIT
"""Runs of the hostile guest (tests/guest/hostile): one attack for so many rounds, however it ends.

A guest that Plinth stops for a reason that docs/isolation.md names, or that ends itself where that is
what it is after, is started again with the round after. Everything else is a failure, and its
message has the command line that repeats it.
"""
import collections
import os
import re
import signal

import machine
from boot_box import GUEST_PASS, Failure, tail

ELF = os.path.join(machine.BUILD, "guest", "hostile.elf")
# Rounds in which all parts of an attack have had their turn at least once, and starts of the machine
# that are allowed for them: what stops the VM does so for every seed.
Attack = collections.namedtuple("Attack", "rounds starts ends", defaults=(8, False))
ATTACKS = {
    "mixture": Attack(48, 20, True),
    "memory": Attack(64),
    "ports": Attack(128),
    "msrs": Attack(80),
    "cpuid": Attack(22),
    "registers": Attack(48),
    "interrupts": Attack(48),
    "opcodes": Attack(98, 40, True),
    "selfmod": Attack(30),
    "devices": Attack(8, 8, True),
    "ends": Attack(8, 8, True),
    "fatal": Attack(37, 37),
}
# Reasons to stop a VM, as docs/isolation.md tells them.
REASONS = (
    r"the guest executes at 0x[0-9a-f]+, where it has no memory",
    r"the guest has page tables at 0x[0-9a-f]+, where it has no memory",
    r"the delivery of vector \d+ touches 0x[0-9a-f]+, where the guest has no memory",
    r"the page tables for 0x[0-9a-f]+ lie where there is no memory",
    r"no memory behind the instruction at 0x[0-9a-f]+",
    r"an instruction that Plinth does not decode at RIP",
    r"instruction \S+( \S+)* at RIP 0x[0-9a-f]+ touches device memory",
    r"a hardware task switch to selector",
    r"\d+ triple faults in a row",
)
# QEMU's CPU lets a guest have a CR0 or CR3 that no CPU takes, and then refuses VMRUN.
QEMU_REASONS = (r"the CPU refused to enter the guest",)
ENDS = ("powered off", "exit port")
# Bochs writes a line for each EPT violation: a GiB in a few minutes.
BOCHS_QUIET = ["error: action=ignore"]
# Faults of the emulators' own that end them: the round is over, and Plinth is not to blame.
EMULATOR_FAULTS = (
    r"qemu: fatal: invalid tss",  # LTR of a null selector, then an interrupt that changes stacks
    r"tcg/tcg\.c:\d+: tcg fatal error",  # its translator gives up over some byte strings
)
# A guest's misdeeds may be told, but not each: lines of Plinth's log, of which a start has about 40.
LOG_LINES_MAX = 200


def check_end(box, result):
    """Plinth itself is well, whatever the guest did."""
    box.expect(result, "memory: all that the guest had is free again", "that all memory is back")
    lines = len(re.findall(r"^\[ *\d+\.\d{6}\] ", result.output, re.MULTILINE))
    if lines > LOG_LINES_MAX:
        raise Failure("Plinth's log has %d lines: what does a guest say that is told each time?"
                      % lines)


def is_emulators_fault(result):
    """QEMU itself crashes over breakpoints: a VMRUN takes DR7 from the VMCB and does not set them."""
    return (not result.ended and result.status == -signal.SIGSEGV or
            any(re.search(fault, result.emulator_says) for fault in EMULATOR_FAULTS))


def is_good_end(result, attack, emulator):
    if is_emulators_fault(result):
        return True
    if result.ended == "stopped by Plinth":
        reasons = REASONS + (QEMU_REASONS if emulator == "qemu" else ())
        return any(re.search("is stopped: " + reason, result.output) for reason in reasons)
    return ATTACKS[attack].ends and result.ended in ENDS


def run(box, emulator, attack, seed, first=0, rounds=None, timeout=150):
    """All rounds of an attack; returns how often the machine was started for them."""
    end = first + (ATTACKS[attack].rounds if rounds is None else rounds)
    starts = 0
    while first < end:
        words = "attack=%s seed=0x%x first=%d rounds=%d" % (attack, seed, first, end - first)
        starts += 1
        if starts > ATTACKS[attack].starts:
            raise Failure("too many starts, of %d at most\nthis was: %s" %
                          (starts - 1, words))
        try:
            result = box.run([(ELF, words)], memory=128, guest_ports=True, timeout=timeout,
                             extra=BOCHS_QUIET if emulator == "bochs" else [])
            box.expect_no_fault(result)
            if not is_emulators_fault(result):
                check_end(box, result)
        except Failure as failure:
            raise Failure("%s\nthis was: %s" % (failure, words)) from failure
        if result.status == GUEST_PASS and re.search("^PASS$", result.output, re.MULTILINE):
            return starts
        done = re.findall(r"^(\d+) [\w/]", result.output, re.MULTILINE)
        if not done or not is_good_end(result, attack, emulator):
            raise Failure("%s\nended with '%s', status %d\nthis was: %s" %
                          (tail(result.output), result.ended, result.status, words))
        first = int(done[-1]) + 1
    return starts
