# SPDX-License-Identifier: MIT
"""Runs of hostile guests beside one that checks itself all the while (tests/guest/neighbour).

The attackers go on until the neighbour ends: who of them comes to an end, or is stopped, is started
again. The neighbour says whether all that is its own was left alone, and what share of the CPU it
had; Plinth's log says the rest.
"""
import collections
import os
import re

import hostile_runs
import machine
from boot_box import GUEST_PASS, Failure, tail

NEIGHBOUR = os.path.join(machine.BUILD, "guest", "neighbour.elf")
Attacker = collections.namedtuple("Attacker", "words cpus", defaults=(1,))
# On QEMU an exit costs ten times the host's time that it costs in the guest's; Bochs' seconds are
# those of a CPU of 20 million instructions a second.
SECONDS = {"qemu": 1, "bochs": 10}
# What its cheapest turn costs when nobody is there, and a little more.
TURN_US = {"qemu": 700, "bochs": 3500}
# With several CPUs QEMU has no clock but the host's.
REAL_SECONDS = 10
# The neighbour's part of its CPU, in percent: its weight's would be 50 beside one, 33 beside two.
SHARE = {1: 45, 2: 29}
# Of a timer, by Plinth's own measure: 300,000 instructions.
DELAY_US = {"qemu": 300, "bochs": 15000}
# The scheduler's bound for equal weights is 50 ms and a slice; with it goes what is printed of each
# attacker that crashes.
LONGEST_MS = {"qemu": 65, "bochs": 220}
# Four vCPUs have as much each.
SHARE_CROWD = 18
ATTACKS = ("mixture", "memory", "ports", "msrs", "cpuid", "registers", "interrupts", "opcodes",
           "devices", "selfmod", "hogs", "timers", "crowd", "ends", "resets")
EXITS_LEAST = 200  # of an attacker: with fewer it has not done much
# A guest that is stopped is told in some 70 lines, and it may be every second.
LOG_LINES_MAX = 1200

TABLE = """\
[vm.%s]
cpus = %d
memory = "%dM"
kernel = "%s.elf"
cmdline = "%s"
debug_ports = true
on_poweroff = "%s"
on_reboot = "restart"
on_crash = "restart"

"""


def config(words, attackers):
    """The neighbour stands first: its console is the one that is shown."""
    text = TABLE % ("neighbour", 1, 32, "neighbour", words, "end")
    for number, attacker in enumerate(attackers, 1):
        text += TABLE % ("attacker%d" % number, attacker.cpus, 128, "hostile", attacker.words,
                         "restart")
    return text


def check_delays(result, emulator):
    """By what Plinth itself has measured: nothing that a guest can do keeps interrupts off for long."""
    delays = [int(us) for us in re.findall(r"cpu\d+: its timer came in (\d+) us late at most",
                                           result.output)]
    if not delays or max(delays) > DELAY_US[emulator]:
        raise Failure("timers came in late by %s us, of %d at most" %
                      (delays, DELAY_US[emulator]))


def check(box, result, attackers):
    box.expect_no_fault(result)
    box.expect(result, "^PASS$", "that the neighbour's checks held")
    if result.status != GUEST_PASS or re.search("^FAIL", result.output, re.MULTILINE):
        raise Failure("%s\nended with '%s', status %d" % (tail(result.output), result.ended,
                                                         result.status))
    box.expect(result, "memory: all that the guest had is free again", "that all memory is back")
    exits = [int(n) for n in re.findall(r"exits: (\d+)$(?:(?!ended|is stopped)[\s\S])*attacker",
                                        result.output, re.MULTILINE)]
    if sum(exits) < EXITS_LEAST * len(attackers):
        raise Failure("the attackers have made %s exits, which is no attack\n%s" %
                      (exits, tail(result.output)))
    lines = len(re.findall(r"^\[ *\d+\.\d{6}\] ", result.output, re.MULTILINE))
    if lines > LOG_LINES_MAX:
        raise Failure("Plinth's log has %d lines: what is told each time?" % lines)


def run(box, emulator, attackers, cpus=1, seconds=None, share=None):
    """Some attackers beside the neighbour; on more than one CPU its share is not looked at."""
    if cpus > 1 and emulator == "qemu":
        seconds = seconds or REAL_SECONDS
    words = "seconds=%d" % (seconds or SECONDS[emulator])
    if cpus == 1:
        words += " share=%d longest=%d turn=%d" % (share or SHARE[len(attackers)],
                                                   LONGEST_MS[emulator], TURN_US[emulator])
    path = box.file("beside.toml", config(words, attackers).encode())
    modules = [(NEIGHBOUR, "neighbour.elf"), (hostile_runs.ELF, "hostile.elf")]
    result = box.run(modules, config=path, memory=0, machine_memory=640, cpus=cpus, timeout=300,
                     extra=hostile_runs.BOCHS_QUIET if emulator == "bochs" else [])
    try:
        if not hostile_runs.is_emulators_fault(result):
            check(box, result, attackers)
            if cpus == 1:
                check_delays(result, emulator)
    except Failure as failure:
        raise Failure("%s\nthis was on %d CPUs: %s" % (
            failure, cpus, "; ".join(a.words for a in attackers))) from failure
    return result
