# SPDX-License-Identifier: MIT
"""Plinth driven from outside: plinthctl on COM2, and the shell behind Ctrl-] on COM1."""
import dataclasses
import json
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import machine
from boot_box import CLOUD, INITRD, Failure, tail
from relay import Relay

CTL = os.path.join(machine.TOP, "tools", "plinthctl")
# A guest that says a line each second, and takes commands at its console.
WORDS = "console=ttyS0 quiet cryptomgr.notests"


class Rig:
    """A machine with both serial ports as sockets: COM1 is typed at by the test, COM2 is plinthctl's."""

    def __init__(self, box, words, **settings):
        self.box = box
        # Of a socket's path there may be only 107 bytes.
        self.folder = tempfile.mkdtemp(prefix="plinth-test-")
        self.control = os.path.join(self.folder, "control")
        self.seen = b""
        self.lock = threading.Lock()
        self.paused = threading.Event()
        self.relay = None
        settings.setdefault("modules", [(CLOUD, words), (INITRD, "")])
        m = machine.name_modules(machine.Machine(emulator=box.emulator, **settings), box.folder)
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(60)
            start = self.start_bochs if box.emulator == "bochs" else self.start_qemu
            self.process = start(m, server.getsockname()[1])
            self.com1 = server.accept()[0]
        threading.Thread(target=self.read, daemon=True).start()

    def start(self, command):
        with open(os.path.join(self.box.folder, "emulator.log"), "wb") as out:
            return machine.start(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def start_qemu(self, m, port):
        m = dataclasses.replace(m, boot="direct")
        return self.start(machine.qemu_command(m, "", [
            "-chardev", "socket,id=com1,host=127.0.0.1,port=%d" % port, "-serial", "chardev:com1",
            "-chardev", "socket,id=com2,path=%s,server=on,wait=off" % self.control,
            "-serial", "chardev:com2", "-monitor", "none"]))

    def start_bochs(self, m, port):
        # plinthctl goes by our clock.
        m = dataclasses.replace(m, realtime=True)
        image = os.path.join(self.folder, "boot.iso")
        machine.write_iso(m, image)
        self.relay = Relay(self.control)
        return self.start(machine.bochs_command(m, image, [
            machine.bochs_client(p) for p in (port, self.relay.port)], self.box.folder))

    def read(self):
        while True:
            while self.paused.is_set():
                time.sleep(0.01)
            try:
                data = self.com1.recv(65536)
            except OSError:
                return
            if not data:
                return
            with self.lock:
                self.seen += data

    def text(self, since=0):
        with self.lock:
            return self.seen[since:].decode("utf-8", "replace")

    def here(self):
        with self.lock:
            return len(self.seen)

    def until(self, pattern, since=0, limit=90):
        deadline = time.monotonic() + limit
        while not re.search(pattern, self.text(since)):
            if time.monotonic() > deadline:
                raise Failure("COM1 does not show %s; the last on it:\n%s"
                              % (pattern, tail(self.text()[-3000:])))
            time.sleep(0.05)

    def type(self, text):
        since = self.here()
        self.com1.sendall(text.encode())
        return since

    def ctl(self, *words, status=0, **options):
        done = subprocess.run([CTL, "--socket", self.control, *words], capture_output=True,
                              text=True, timeout=60, check=False, **options)
        if done.returncode != status:
            raise Failure("plinthctl %s: status %d instead of %d: %s%s" % (
                " ".join(words), done.returncode, status, done.stdout, done.stderr))
        return done.stdout if status == 0 else done.stderr

    def ended(self, limit=60):
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Failure("the machine does not end; the last on COM1:\n%s"
                          % tail(self.text())) from None

    def close(self):
        machine.stop(self.process)
        self.com1.close()
        if self.relay:
            self.relay.close()
        with open(os.path.join(self.box.folder, "com1.log"), "wb") as f:
            f.write(self.seen)
        shutil.rmtree(self.folder)


def with_rig(box, script, words=WORDS, **settings):
    rig = Rig(box, words, **settings)
    try:
        script(rig)
    finally:
        rig.close()


def expect(condition, what):
    if not condition:
        raise Failure(what)


def check_answers(rig):
    """Each command that only looks, by both renderers."""
    vms = json.loads(rig.ctl("--json", "vms"))["vms"]
    expect(len(vms) == 1 and vms[0]["name"] == "guest" and vms[0]["state"] == "running" and
           vms[0]["memory"] == 256 << 20, "vms says %s" % vms)
    vm = json.loads(rig.ctl("--json", "vm", "guest"))
    expect(vm["cmdline"].startswith("console=ttyS0") and vm["on-terminal"] is True and
           len(vm["vcpus"]) == 1, "vm says %s" % vm)
    exits = json.loads(rig.ctl("--json", "exits", "guest"))
    expect(exits["total"] > 100 and any(row["kind"] == "CPUID" for row in exits["exits"]),
           "exits says %s" % exits)
    memory = json.loads(rig.ctl("--json", "mem"))
    used = sum(row["used"] for row in memory["owners"])
    expect(used > 256 << 20 and memory["free"] + used <= memory["total"], "mem says %s" % memory)
    cpus = json.loads(rig.ctl("--json", "cpus"))["cpus"]
    expect(cpus and cpus[0]["cpu"] == 0 and cpus[0]["state"] == "busy", "cpus says %s" % cpus)
    top = json.loads(rig.ctl("--json", "top"))
    expect(900 < top["interval-ms"] < 20000 and top["memory-total"] > 256 << 20 and
           top["guests"][0]["guest"] == "guest" and len(top["vcpus"]) == 1 and
           sum(top["vcpus"][0][part] for part in ("run", "steal", "wait")) in (99, 100, 101) and
           top["cpus"][0]["busy"] + top["cpus"][0]["idle"] == 100, "top says %s" % top)
    expect(re.search(r"^guest +running +256 MiB ", rig.ctl("top"), re.MULTILINE), "top as text")
    log = json.loads(rig.ctl("--json", "log"))["lines"]
    expect("Plinth, started by" in "\n".join(log[:3]), "log begins with %s" % log[:3])
    expect(json.loads(rig.ctl("--json", "log", "2"))["lines"] == log[-2:], "log 2 is not the end")
    expect(re.search(r"^guest +running +1 +256 MiB +\d+$", rig.ctl("vms"), re.MULTILINE),
           "vms says " + rig.ctl("vms"))
    expect("attach" in rig.ctl("help"), "help does not name attach")


def check_refusals(rig):
    expect("there is no guest \"x\"" in rig.ctl("vm", "x", status=1), "vm x")
    expect("the nearest is \"exits\"" in rig.ctl("exit", "x", status=1), "exit x")
    expect("it is written \"vm NAME\"" in rig.ctl("vm", status=2), "vm")
    rig.ctl("attach", status=2)
    rig.ctl("--nothing", status=2)
    expect("No such file" in rig.ctl("--socket", "/nowhere", "vms", status=3), "no socket")


def completed(rig, *words):
    """What bash offers for the last of these words."""
    script = ("source %s; COMP_WORDS=(%s --socket %s %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
              "_plinthctl; echo ${COMPREPLY[@]}" % (CTL + ".bash", CTL, rig.control,
                                                    " ".join(words)))
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60,
                          check=True).stdout.split()


def check_completion(rig):
    for words, offers in ((("at",), ["attach"]), (("vm", "gu"), ["guest"]), (("vm",), ["vms", "vm"]),
                          (("watch", "ex"), ["exits"]), (("help", "ty"), ["type"]),
                          (("--js",), ["--json"]), (("vm", "x"), [])):
        got = completed(rig, *words)
        expect(got == offers, "bash completes %s with %s" % (words, got))


def check_garbage(rig):
    """Whatever came before, a request is answered."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(rig.control)
        # A UART takes what its FIFO has room for, so in pieces.
        for piece in (b"\0\xff garbage\n", b"[" * 3000 + b"\n", b"x" * 6000, b"{\"id\":1"):
            line.sendall(piece)
            time.sleep(1)
    rig.ctl("vms")


def check_attach(rig):
    """The console over the control line: what is typed gets there, and what is said comes back."""
    command = [CTL, "--socket", rig.control, "attach", "guest"]
    process = machine.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL)
    try:
        process.stdin.write(b"echo back\\slash $((40+2)) done\n")
        process.stdin.flush()
        output = b""
        deadline = time.monotonic() + 60
        while b"backslash 42 done" not in output:
            expect(time.monotonic() < deadline, "attach shows only %r" % output[-500:])
            if select.select([process.stdout], [], [], 1)[0]:
                output += os.read(process.stdout.fileno(), 65536)
    finally:
        machine.stop(process)


def test_plinthctl(box, emulator):
    def script(rig):
        rig.until(r"[#$] (\x1b\[\S*)?$")
        check_answers(rig)
        check_refusals(rig)
        check_completion(rig)
        check_attach(rig)
        check_garbage(rig)
        rig.ctl("type", "guest", "echo typed-$((6*7))\\r")
        rig.until(r"typed-42")
        rig.ctl("poweroff")
        rig.until(r"plinth: guest ended: switched off by the shell, status 0")
        rig.ended()

    with_rig(box, script)


def test_terminal(box, emulator):
    """Ctrl-] to the shell and back, while the guest runs."""
    def script(rig):
        rig.until(r"[#$] (\x1b\[\S*)?$")
        since = rig.type("\x1d")
        rig.until(r"plinth> $", since)
        since = rig.type("vm gu\t\r")
        rig.until(r"cmdline +console=ttyS0", since)
        rig.until(r"on-terminal +no", since)
        rig.until(r"plinth> $", since)
        since = rig.type("vx\r")
        rig.until(r"no command \"vx\"; the nearest is \"vm", since)
        # Typed into the guest while it is not shown; seen when it is attached again.
        since = rig.type("type guest 'echo kept-$((6*7))\\r'\r")
        time.sleep(2)
        expect("kept-42" not in rig.text(since), "what a guest says in the background is shown")
        rig.type("\x1d")
        rig.until(r"console of guest.*\n(.*\n)*.*kept-42", since)
        since = rig.type("\x1d")
        rig.until(r"plinth> $", since)
        since = rig.type("create\r")
        rig.until(r"An empty line or Ctrl-D ends it", since)
        # Pasted at once, and nothing is lost.
        rig.type("# pasted text, of which nothing may be lost\r" * 50 +
                 "[vm.second]\rmemory = '16M'\rkernel = 'nothing'\r\r")
        rig.until(r"error: line 53, column \d+: .*nothing.*\r\n\rplinth> $", since)
        since = rig.type("attach *\r")
        rig.until(r"all guests", since)
        rig.ctl("type", "guest", "echo line-$((6*7))\\r")
        rig.until(r"guest\| .*line-42", since)
        since = rig.type("\x1d")
        rig.until(r"plinth> $", since)
        # A line of the log comes: what is typed is drawn again below it.
        since = rig.type("vm gue")
        rig.until(r"vm gue", since)
        since = rig.here()
        rig.ctl("reset", "guest")
        rig.until(r"vm: guest is reset .*\r\n\rplinth> vm gue *[\b]*$", since)
        since = rig.type("\x03")
        rig.until(r"plinth> $", since)
        since = rig.type("attach guest\r")
        rig.until(r"console of guest", since)
        # What it said before the reset is shown again, and then what it says since.
        rig.until(r"kept-42(.|\n)*This is Linux(.|\n)*[#$] (\x1b\[\S*)?$", since)
        since = rig.type("poweroff -f\r")
        rig.until(r"plinth: guest ended: powered off, status 0", since)
        rig.ended()

    with_rig(box, script)


LINES, WIDTH = 800, 120  # more than the ring of a console


IDLE_EXITS = 200  # in two seconds: Linux looks at its clocks


def port_exits(rig):
    exits = json.loads(rig.ctl("--json", "exits", "guest"))["exits"]
    return sum(row["exits"] for row in exits if row["kind"] == "port")


def wait_until_held(rig):
    """The line stands still: after what the buffers on the way hold, the guest's UART does, too."""
    deadline = time.monotonic() + 100
    last, now = 0, port_exits(rig)
    while now - last > IDLE_EXITS:
        expect(time.monotonic() < deadline, "the guest writes on, to a line that stands still")
        time.sleep(2)
        last, now = now, port_exits(rig)


def test_flood(box, emulator):
    """A guest floods a line that stands still: it waits, the control line does not, and nothing is
    lost. Bochs itself waits for its lines; there the line is only slower than the guest."""
    def script(rig):
        rig.until(r"[#$] (\x1b\[\S*)?$")
        if emulator == "qemu":
            rig.paused.set()
        since = rig.type("i=0; p=$(printf %%0%dd 0); while [ $i -lt %d ]; do echo flood-$i-$p; "
                         "i=$((i+1)); done; echo flood-\\end\r" % (WIDTH, LINES))
        if emulator == "qemu":
            wait_until_held(rig)
            rig.paused.clear()
        rig.until(r"flood-end", since, 200)
        numbers = re.findall(r"^flood-(\d+)-0{%d}\r?$" % WIDTH, rig.text(since), re.MULTILINE)
        expect([int(n) for n in numbers] == list(range(LINES)),
               "of %d lines %d came" % (LINES, len(numbers)))
        # The shell is there at once while it floods.
        since = rig.type("while :; do echo flood-\\again; done\r")
        rig.until(r"flood-again\r\nflood-again", since)
        since = rig.type("\x1d")
        rig.until(r"plinth> $", since, 20)
        since = rig.type("poweroff\r")
        rig.until(r"switched off by the shell", since)
        rig.ended()

    with_rig(box, script)


test_plinthctl.seconds = 40
test_terminal.seconds = 30
test_flood.seconds = 60
