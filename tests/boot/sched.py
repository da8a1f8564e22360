# SPDX-License-Identifier: MIT
"""Who gets how much of the CPUs, by Plinth's own accounts, at the end of guests that want them all.

Time is counted in instructions, few of them a second: so ten seconds of the machines' take some of
ours. QEMU can count with one CPU only; Bochs always does.
"""
import os
import re

import machine
from boot_box import Failure

GUEST = os.path.join(machine.BUILD, "guest", "smp-share.elf")
SECONDS = 10
# An instruction takes 32 ns in QEMU; in Bochs 50.
SHIFT = 5
# docs/scheduler.md
WAIT_EQUAL_US, WAIT_CROWD_US = 100000, 150000
SLICE_LONGEST_US, WAIT_ANY_US = 10000, 1100000
TIMES = re.compile(r"times: vCPU (\d+) ran (\d+) us on CPUs (0x)?([0-9a-f]+), waited (\d+) us, "
                   r"(\d+) us at most, slept (\d+) us")


class Times:
    """What one vCPU had, in microseconds."""

    def __init__(self, found):
        self.vcpu, self.ran = int(found.group(1)), int(found.group(2))
        self.cpus = int(found.group(4), 16)
        self.waited, self.longest, self.slept = (int(found.group(i)) for i in (5, 6, 7))
        self.share = self.ran / max(self.ran + self.waited + self.slept, 1)


def guest(name, cmdline="spin=%d" % (SECONDS * 1000), **keys):
    text = '[vm.%s]\nmemory = "4M"\nkernel = "smp-share.elf"\ndebug_ports = true\n' % name
    return text + 'cmdline = "%s"\n' % cmdline + "".join(
        "%s = %s\n" % pair for pair in keys.items())


def run(box, *guests, cpus=1, timeout=300):
    """name → its vCPUs' Times."""
    config = box.file("config.toml", ('[host]\nlog_level = "quiet"\n' + "".join(guests)).encode())
    result = box.run([(GUEST, "smp-share.elf")], config=config, memory=0, machine_memory=512,
                     cpus=cpus, shift=SHIFT, timeout=timeout)
    box.expect_no_fault(result)
    if re.search(r"^FAIL\b", result.output, re.MULTILINE):
        raise Failure("a guest said FAIL:\n" + result.output[-3000:])
    table, times = {}, []
    for line in result.output.splitlines():
        found = TIMES.search(line)
        if found:
            times.append(Times(found))
        found = re.search(r"plinth: guest (\S+) ended: exit port, status 16", line)
        if found:
            table[found.group(1)], times = times, []
    if len(table) != len(guests):
        raise Failure("of %d guests %d came to their end:\n%s" % (
            len(guests), len(table), result.output[-3000:]))
    return table, result


def expect_share(name, times, percent, within=2.0):
    got = 100 * sum(t.share for t in times)
    if abs(got - percent) > within:
        raise Failure("%s had %.2f %% of a CPU, and was to have %.2f" % (name, got, percent))


def expect_waits(table, most_us):
    for name, times in table.items():
        for t in times:
            if t.longest > most_us:
                raise Failure("vCPU %d of %s waited %d us at a time, and was to wait %d at most" % (
                    t.vcpu, name, t.longest, most_us))


def test_weights(box, emulator):
    """1 : 2 : 4 on one CPU."""
    table, _ = run(box, *[guest("w%d" % w, weight=100 * w) for w in (1, 2, 4)])
    for w in (1, 2, 4):
        expect_share("w%d" % w, table["w%d" % w], 100 * w / 7)
    expect_waits(table, WAIT_ANY_US)


def test_three_on_two(box, emulator):
    """Equal ones that do not divide evenly."""
    table, _ = run(box, *[guest(name) for name in "abc"], cpus=2)
    for name in "abc":
        expect_share(name, table[name], 200 / 3)
    expect_waits(table, WAIT_EQUAL_US + SLICE_LONGEST_US)


def test_cap(box, emulator):
    """On a CPU that nobody else wants."""
    table, _ = run(box, guest("a", cap=25))
    expect_share("a", table["a"], 25, 0.5)


def test_cap_of_two(box, emulator):
    """Of all vCPUs together, beside another guest."""
    table, _ = run(box, guest("a", cap=150, cpus=2), cpus=2)
    expect_share("a", table["a"], 150)


def test_pin(box, emulator):
    """Two on CPU 1, and a third one that may run anywhere: CPU 0 is its own."""
    table, _ = run(box, guest("a", pin="[1]"), guest("b", pin="[1]"), guest("c"), cpus=2)
    for name in "ab":
        if table[name][0].cpus != 2:
            raise Failure("%s is pinned to CPU 1 and ran on %#x" % (name, table[name][0].cpus))
        expect_share(name, table[name], 50)
    expect_share("c", table["c"], 100)


def test_sleeper(box, emulator):
    """A guest that sleeps costs nothing and takes nothing."""
    table, _ = run(box, guest("a"), guest("b", "sleep=%d" % (SECONDS * 900)))
    b = table["b"][0]
    # What it takes to start.
    if b.ran > 5000:
        raise Failure("a guest that sleeps ran %d us" % b.ran)
    if b.slept < SECONDS * 850000:
        raise Failure("a guest that was to sleep did so for %d us only" % b.slept)


def test_crowd(box, emulator):
    """64 busy vCPUs on two CPUs: nobody waits longer than docs/scheduler.md says."""
    table, _ = run(box, *[guest("g%d" % i) for i in range(64)], cpus=2)
    for name, times in table.items():
        if len(times) != 1:
            raise Failure("%s has %d vCPUs" % (name, len(times)))
    expect_waits(table, WAIT_CROWD_US + 2 * SLICE_LONGEST_US)


def test_lock(box, emulator):
    """Four vCPUs with a ticket lock on fewer CPUs: whoever spins lets the owner run."""
    def took(cpus):
        _, result = run(box, guest("a", "lock=2000", cpus=4), cpus=cpus)
        return int(box.expect(result, r"took (\d+) us").group(1))

    four, one = took(4), took(1)
    two = took(2)
    print("lock: on 4 CPUs %d us, on 2 %d us, on 1 %d us" % (four, two, one))
    # Each round is a turn of another vCPU's; had they nothing to switch for, it would be 1. Who waits
    # on which CPU decides how many are on the other one: 3 to 6 on two.
    for cpus, us in ((1, one), (2, two)):
        if us > 8 * four:
            raise Failure("on %d CPUs it takes %d us, and on four %d" % (cpus, us, four))


for test in (test_three_on_two, test_cap_of_two, test_pin, test_crowd, test_lock):
    test.only = ("bochs",)
