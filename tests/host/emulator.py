# SPDX-License-Identifier: MIT
"""The emulators' command lines: what in them is not a matter of taste."""
import os

import machine
from boot_box import Failure


def accel(**settings):
    command = machine.qemu_command(machine.Machine(**settings), "", [])
    return command[command.index("-accel") + 1]


def expect(found, wanted):
    if found != wanted:
        raise Failure("-accel %s; wanted: %s" % (found, wanted))


def test_threads(_):
    """Several CPUs of TCG's share a thread (docs/6-pitfalls.md), unless one asks for more."""
    guest = [("kernel", "")]
    expect(accel(modules=guest, threads="single"), "tcg")
    expect(accel(modules=guest, threads="single", cpus=2), "tcg,thread=single")
    expect(accel(modules=guest, threads="multi", cpus=2), "tcg,thread=multi")
    expect(accel(modules=guest, threads="single", cpus=2, count=True), "tcg")
    expect(accel(modules=guest, threads="single", cpus=2, accel="kvm"), "kvm")
    if not os.environ.get("TCG_THREADS"):
        expect(accel(modules=guest, cpus=2), "tcg,thread=single")
    try:
        accel(modules=guest, threads="four", cpus=2)
    except machine.Problem as problem:
        if "TCG_THREADS is 'four': it may be single or multi" not in str(problem):
            raise Failure("a wrong TCG_THREADS is answered with: %s" % problem) from problem
    else:
        raise Failure("TCG_THREADS=four is taken")
