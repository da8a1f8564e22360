# SPDX-License-Identifier: MIT
"""Debian's kernels under Plinth: right results, and no complaint that they do not make without it."""
import hashlib
import os
import re
import threading

import machine
from boot_box import CLOUD, GENERIC, INITRD, Failure, between, tail

# Bochs: its TSC runs at ips, and leaf 15h of its CPUID lies about that; the rest is a matter of
# time (self-tests) and of features that one model of CPU has by mistake (docs/6-pitfalls.md).
WORDS = {
    "qemu": "console=ttyS0 quiet plinth.run=%s",
    "bochs": "console=ttyS0 quiet plinth.run=%s cryptomgr.notests clearcpuid=erms,rep_good",
}
ALONE = {"qemu": "", "bochs": " tsc_early_khz=20000"}
CHECKS = ("md5", "sha256", "forks", "sleep", "sleep-by-rtc", "date", "random", "random-differs")
# QEMU's TSC is not said to be invariant: then kvm-clock is what Linux has to choose.
CLOCKSOURCE = {"qemu": "kvm-clock", "bochs": "tsc"}
# Said at whatever level, these would be Plinth's fault.
COMPLAINT = re.compile(r"WARNING|BUG:|Call Trace|unhandled|not responding|soft lockup|rcu.*stall|"
                       r"clocksource.*(unstable|skew|bad)|TSC.*(unstable|warps)|"
                       r"Firmware (Bug|Warn)|spurious|nobody cared|timed? ?out", re.IGNORECASE)
WARNING = 4  # KERN_WARNING
baseline_lock = {"qemu": threading.Lock(), "bochs": threading.Lock()}


def messages(output):
    """(level, text) of each line of `dmesg -r`, with what differs from run to run taken out."""
    for line in between(output, "dmesg").splitlines():
        found = re.match(r"<(\d+)>\[ *[\d.]+\] ?(.*)", line)
        if found:
            text = re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+(\.\d+)?", "N", found.group(2))
            yield int(found.group(1)) & 7, text, found.group(2)


def complaints(output):
    """What is wrong in the messages: their text without numbers, and the line."""
    return {text: line for level, text, line in messages(output)
            if level <= WARNING or COMPLAINT.search(line)}


def check_workload(box, result):
    box.expect_no_fault(result)
    for name in CHECKS:
        if not re.search("^PASS %s$" % name, result.output, re.MULTILINE):
            raise Failure("the workload's check '%s' did not pass:\n%s" % (name, tail(
                between(result.output, "workload"), 20)))


def baseline(box, emulator, kernel, words):
    """What the same kernel says on the same machine without Plinth; kept, for it does not change."""
    digest = hashlib.sha256((emulator + words).encode())
    for path in (kernel, INITRD):
        with open(path, "rb") as f:
            digest.update(f.read())
    kept = os.path.join(machine.BUILD, "linux", "alone-%s.log" % digest.hexdigest()[:16])
    with baseline_lock[emulator]:
        if not os.path.exists(kept):
            result = box.run([(kernel, words), (INITRD, "")], direct=True, timeout=400)
            between(result.output, "dmesg")
            new = "%s.%d" % (kept, os.getpid())
            with open(new, "w", encoding="utf-8") as f:
                f.write(result.output)
            os.rename(new, kept)
        with open(kept, encoding="utf-8") as f:
            return f.read()


def compare(box, emulator, kernel, output):
    words = WORDS[emulator] % "workload" + ALONE[emulator]
    alone = baseline(box, emulator, kernel, words)
    # Bochs alone makes Linux trace an XSAVE problem: its words are not to excuse other traces.
    alone = re.sub(r"(?s)<\d+>[^\n]*-\[ cut here \]-.*?-\[ end trace [^\n]*\n", "", alone)
    known = complaints(alone)
    new = [line for text, line in complaints(output).items() if text not in known]
    if new:
        raise Failure("the kernel complains of what it does not complain of without Plinth:\n" +
                      "\n".join(new))


def check_paravirtual(emulator, output):
    """Linux knows the interface of docs/paravirtual.md, and goes by its clock where it should."""
    kernel = between(output, "dmesg")
    for line in (r"Hypervisor detected: KVM", r"kvm-clock: Using msrs 4b564d01 and 4b564d00",
                 r"Booting paravirtualized kernel on KVM"):
        if not re.search(line, kernel):
            raise Failure("the kernel does not say: %s" % line)
    chosen = between(output, "clocksource").strip()
    if chosen != CLOCKSOURCE[emulator]:
        raise Failure("the kernel goes by the clock %s, not %s" % (chosen, CLOCKSOURCE[emulator]))
    # Nobody else is there to take the time.
    stolen = int(between(output, "steal"))
    if stolen > 5:
        raise Failure("%d cs are said to be stolen, and there is no other guest" % stolen)


def run_workload(box, emulator, kernel, timeout):
    result = box.run([(kernel, WORDS[emulator] % "workload"), (INITRD, "")], timeout=timeout)
    check_workload(box, result)
    box.expect_status(result, 0)
    check_paravirtual(emulator, result.output)
    compare(box, emulator, kernel, result.output)


def test_cloud(box, emulator):
    run_workload(box, emulator, CLOUD, 300)


def test_generic(box, emulator):
    run_workload(box, emulator, GENERIC, 500)


test_generic.seconds = 80
test_generic.long = ("bochs",)  # to unpack XZ takes minutes there


def reboot(box, emulator, how):
    """`reboot -f` by one of Linux's ways: the machine starts anew, in place."""
    words = WORDS[emulator] % "reboot" + " cryptomgr.notests reboot=" + how
    result = box.run([(CLOUD, words), (INITRD, "")], timeout=300,
                     until=rb"(?s)BEGIN reboot.*BEGIN reboot")
    box.expect_no_fault(result)
    box.expect(result, r"(?s)BEGIN reboot.*BEGIN reboot", "a second start of Linux")


def test_reboot_keyboard(box):
    reboot(box, "qemu", "k")


def test_reboot_triple_fault(box):
    reboot(box, "qemu", "t")


def test_reboot_acpi(box):
    reboot(box, "qemu", "a")


def test_reboot_cf9(box):
    reboot(box, "qemu", "p")


def test_summary(box, emulator):
    """Power-off ends the machine, after a summary of exits by kind."""
    result = box.run([(CLOUD, WORDS[emulator] % "nothing" + " cryptomgr.notests"), (INITRD, "")], timeout=200)
    box.expect_status(result, 0)
    box.expect_no_fault(result)
    box.expect(result, r"exits: +\d+ CPUID", "a summary of exits by kind")
