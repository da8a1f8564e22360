# SPDX-License-Identifier: MIT
"""`make run` as a person uses it: a terminal, a prompt, line editing, Ctrl-C, and the way out."""
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import machine
from boot_box import Failure

PROMPT = rb"[#$] (\x1b\[[0-9;?]*[A-Za-z])*$"


class Typist:
    """Starts tools/run on a new terminal, and types."""

    def __init__(self, settings, limit):
        self.deadline = time.monotonic() + limit
        self.seen = b""
        self.quiet = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(settings, TERM="xterm")
            for name in ("KERNEL", "INITRD", "CMDLINE", "COUNT", "DIRECT", "BOOT", "CONFIG",
                         "MODULES", "DEMO", "CPUS", "VCPUS", "MEM", "MACHINE_MEM", "PLINTH",
                         "PLINTH_SOCKET"):
                if name not in settings:
                    os.environ.pop(name, None)
            os.execv(os.path.join(machine.TOP, "tools", "run"), ["run"])
        self.cooked = termios.tcgetattr(self.fd)

    def read(self):
        """Takes what there is; False at the end."""
        if select.select([self.fd], [], [], 0.2)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return False
            self.seen += data
            self.quiet = time.monotonic()
        if time.monotonic() > self.deadline:
            raise Failure("too slow; the terminal's last: %s" % self.tail())
        return True

    def until(self, pattern, since=0, settle=0.0):
        while not (re.search(pattern, self.seen[since:]) and
                   time.monotonic() - self.quiet >= settle):
            if not self.read():
                raise Failure("ended before %s; the terminal's last: %s" % (pattern, self.tail()))

    def type(self, text):
        since = len(self.seen)
        os.write(self.fd, text)
        return since

    def end(self):
        """The exit status, once it ended by itself."""
        while self.read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill(self):
        try:
            os.kill(self.pid, signal.SIGTERM)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.fd)

    def tail(self):
        return self.seen[-1500:].decode("utf-8", "replace")


def with_typist(emulator, limit, script, **settings):
    typist = Typist({"EMU": emulator, "ACCEL": "tcg" if emulator == "qemu" else "", **settings},
                    limit)
    try:
        script(typist)
    finally:
        typist.kill()


def drive(door, command, answer):
    """plinthctl beside the terminal: each is another client of the control line."""
    done = subprocess.run([os.path.join(machine.TOP, "tools", "plinthctl"), "--socket", door, command],
                          capture_output=True, text=True, timeout=60, check=False)
    if done.returncode or not re.search(answer, done.stdout, re.MULTILINE):
        raise Failure("plinthctl %s: status %d, %s" % (command, done.returncode,
                                                       done.stdout + done.stderr))


def test_shell(box, emulator):
    door = os.path.join(box.folder, "control.sock")

    def script(typist):
        typist.until(PROMPT, settle=1.5)
        drive(door, "vms", r"^guest +running ")
        drive(door, "cpus", r"^ +0 ")
        # To Plinth's shell, and back.
        since = typist.type(b"\x1d")
        typist.until(rb"plinth> $", since)
        since = typist.type(b"vms\r")
        typist.until(rb"guest +running(?s:.*)plinth> $", since)
        since = typist.type(b"\x1d")
        typist.until(rb"console of guest", since)
        since = typist.type(b"echo wrong\b\b\b\b\bOK-$((40+2))\r")
        typist.until(rb"\nOK-42", since)
        typist.until(PROMPT, since, settle=0.5)
        since = typist.type(b"sleep 500\r")
        time.sleep(2)
        typist.type(b"\x03")
        typist.until(PROMPT, since + 11, settle=0.5)
        # A Ctrl-A for the guest is typed twice: the shell takes it to the line's start.
        since = typist.type(b"cho -$((1+1))\x01\x01e\r")
        typist.until(rb"\n-2", since)
        typist.type(b"poweroff -f\r")
        status = typist.end()
        if status != 0:
            raise Failure("status %d after power-off: %s" % (status, typist.tail()))

    with_typist(emulator, 300, script, PLINTH_SOCKET=os.path.relpath(door))


def test_leave(_, emulator):
    """Ctrl-A x, while the guest is busy; the terminal is as before."""
    def script(typist):
        typist.until(rb"Linux version|Booting")
        typist.type(b"\x01x")
        status = typist.end()
        if status != 0:
            raise Failure("status %d after leaving: %s" % (status, typist.tail()))

    with_typist(emulator, 120, script)


test_shell.seconds = 40
test_leave.seconds = 10
