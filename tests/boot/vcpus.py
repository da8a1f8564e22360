# SPDX-License-Identifier: MIT
"""Debian's kernel on several vCPUs: it uses them all, takes each away and back again, and they fight
for its locks; on one physical CPU and on several."""
import re

from boot_box import CLOUD, INITRD, Failure, between, tail
from linux import COMPLAINT, WARNING, WORDS, messages

# What the kernel says of the emulated processors' models, with or without Plinth; and the number of
# a CPU that comes late, which is the rest of a line.
KNOWN = re.compile(r"^ *#\d+$|RETBleed|Speculative Return Stack|MMCONFIG|"
                   # QEMU's TCG has no invariant TSC: with several CPUs AMD's are then not trusted.
                   r"Unstable clock detected|local clock, then add|trace_clock|kernel command line|"
                   r"TSCs unsynchronized|"
                   # Then time goes by this host's, too, which may have other things to do.
                   r"hrtimer: interrupt took")


def value(text, name):
    found = re.search(r"^%s (.*)$" % name, text, re.MULTILINE)
    return found.group(1) if found else ""


def run(box, emulator, script, vcpus, cpus=1):
    """What the script said."""
    modules = [(CLOUD, WORDS[emulator] % script), (INITRD, "")]
    result = box.run(modules, vcpus=vcpus, cpus=cpus, guest_ports=True, timeout=600)
    box.expect_no_fault(result)
    box.expect(result, "guest ended: powered off")
    wrong = [line for level, _, line in messages(result.output)
             if (level <= WARNING or COMPLAINT.search(line)) and not KNOWN.search(line)]
    if wrong:
        raise Failure("the kernel complains:\n" + "\n".join(wrong))
    return between(result.output, script)


def check_smp(box, emulator, vcpus, cpus=1):
    said = run(box, emulator, "smp", vcpus, cpus)
    right = {"nproc": str(vcpus), "cpuinfo": str(vcpus), "cores": str(vcpus), "packages": "0",
             "apicids": " ".join(str(i) for i in range(vcpus))}
    for name, text in right.items():
        if value(said, name) != text:
            raise Failure("%s is '%s' and not '%s'" % (name, value(said, name), text))
    if not re.search("^PASS hotplug$", said, re.MULTILINE):
        raise Failure("CPUs do not go and come back:\n" + tail(said, 60))


def check_contend(box, emulator, vcpus, cpus=1):
    said = run(box, emulator, "contend", vcpus, cpus)
    if not re.search("^PASS contend$", said, re.MULTILINE):
        raise Failure("what was to be done was not all done:\n" + tail(said, 60))


def test_two(box, emulator):
    check_smp(box, emulator, 2)


def test_four(box, emulator):
    check_smp(box, emulator, 4)


def test_four_on_two(box, emulator):
    check_smp(box, emulator, 4, cpus=2)


def test_eight(box, emulator):
    check_smp(box, emulator, 8)


def test_eight_on_four(box, emulator):
    check_smp(box, emulator, 8, cpus=4)


def test_contend(box, emulator):
    check_contend(box, emulator, 2)


def test_contend_on_two(box, emulator):
    check_contend(box, emulator, 4, cpus=2)


test_two.seconds = test_four.seconds = test_four_on_two.seconds = 60
test_eight.seconds = test_eight_on_four.seconds = 60
test_contend.seconds = test_contend_on_two.seconds = 60
test_contend_on_two.long = ("bochs",)
