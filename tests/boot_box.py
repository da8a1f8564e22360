# SPDX-License-Identifier: MIT
"""What tests that boot have in hand: a folder, an emulator, and checks that say what was seen."""
import fcntl
import os
import re

import machine

CLOUD = os.path.join(machine.BUILD, "linux", "vmlinuz-cloud")
GENERIC = os.path.join(machine.BUILD, "linux", "vmlinuz-generic")
MEMTEST = os.path.join(machine.BUILD, "linux", "memtest.bin")
INITRD = os.path.join(machine.BUILD, "initrd.cpio.gz")
# What a tiny guest writes to the exit port (tests/guest/lib/test.c).
GUEST_PASS = 0x10


class Failure(Exception):
    """A test's finding, in words."""


def own_folder(base):
    """`base`, or the first of base-2, base-3 … that no other run uses; and the file that says so."""
    number = 1
    while True:
        path = base if number == 1 else "%s-%d" % (base, number)
        os.makedirs(path, exist_ok=True)
        # Held while it is open, so that it ends with this process, however that ends.
        lock = open(os.path.join(path, ".lock"), "w", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return path, lock
        except BlockingIOError:
            lock.close()
            number += 1


def tail(text, lines=40):
    return "\n".join(text.splitlines()[-lines:])


def between(text, what):
    """The lines between BEGIN what and END what, as the guest's scripts print them."""
    found = re.search(r"^BEGIN %s\n(.*?)^END %s$" % (what, what), text, re.DOTALL | re.MULTILINE)
    if not found:
        raise Failure("the guest did not print its %s whole:\n%s" % (what, tail(text)))
    return found.group(1)


class Box:
    def __init__(self, folder, emulator):
        self.folder = folder
        self.emulator = emulator
        self.runs = 0

    def run(self, modules, timeout=120, until=None, **settings):
        """Starts a machine with these (file, command line) pairs; returns a machine.Result.

        QEMU counts instructions where it can (one CPU): then time in it does not depend on what
        else this host does. Bochs always does; `count` there only means a clock for measuring.
        """
        if self.emulator == "qemu" and settings.get("cpus", 1) == 1:
            settings.setdefault("count", True)
        if self.emulator == "qemu":
            # Ten seconds sooner than by GRUB from a CD; tests/boot/images.py goes that way.
            settings.setdefault("boot", "direct")
        for path, _ in modules:
            if not os.path.exists(path):
                raise Failure("%s is not there" % path)
        self.runs += 1
        folder = self.folder if self.runs == 1 else os.path.join(self.folder, str(self.runs))
        result = machine.run(machine.Machine(emulator=self.emulator, modules=modules, **settings),
                             folder, timeout, until)
        if result.timed_out:
            raise Failure("no end after %d s; the last on COM1:\n%s"
                          % (timeout, tail(result.output)))
        return result

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(content)
        return path

    def expect(self, result, pattern, what=""):
        found = re.search(pattern, result.output, re.MULTILINE)
        if not found:
            raise Failure("COM1 does not show %s; the last on it:\n%s\n%s" %
                          (what or "'" + pattern + "'", tail(result.output),
                           tail(result.emulator_says, 5)))
        return found

    def expect_status(self, result, status):
        if result.status != status:
            failed = re.findall(r"^FAIL.*", result.output, re.MULTILINE)
            raise Failure("%s\n%s\nended with '%s', status %d instead of %d\n%s" % (
                tail(result.output), tail(result.emulator_says, 5), result.ended, result.status,
                status, "\n".join(failed[:10])))

    def expect_no_fault(self, result):
        """Plinth itself stayed up."""
        fault = re.search(r"^.*\bpanic\b.*$", result.output, re.MULTILINE | re.IGNORECASE)
        if fault:
            raise Failure("Plinth panicked: %s\n%s" % (fault.group(0), tail(result.output)))
