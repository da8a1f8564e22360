# SPDX-License-Identifier: MIT
"""The life of guests: what is ordered, what they do themselves, and what each leaves behind."""
import contextlib
import importlib.machinery
import importlib.util
import json
import os
import re
import time
import types

import machine
from boot_box import CLOUD, GUEST_PASS, INITRD, Failure, tail
from control import CTL, Rig, expect

LIFE = os.path.join(machine.BUILD, "guest", "life.elf")
TINY = [(LIFE, "life.elf")]
LINUX = [(CLOUD, "vmlinuz"), (INITRD, "initrd.gz")]
ROUNDS, ROUNDS_OF_TWO = 1000, {"qemu": 200, "bochs": 50}


def plinthctl():
    """tools/plinthctl as a module: a round trip is then no start of a program."""
    loader = importlib.machinery.SourceFileLoader("plinthctl", CTL)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("plinthctl", loader))
    loader.exec_module(module)
    return module


def guest(name, do, **keys):
    """A table of a plinth.toml: a tiny guest that starts when it is told to."""
    keys = {"memory": "4M", "kernel": "life.elf", "cmdline": "do=" + do, "autostart": False,
            "debug_ports": True, **keys}
    return "[vm.%s]\n" % name + "".join("%s = %s\n" % (k, json.dumps(v)) for k, v in keys.items())


class Plinth:
    """A machine whose shell stays when no guest runs, and its control line."""

    def __init__(self, rig):
        self.rig = rig
        self.ctl = plinthctl()
        # One line at a time: the socket has one end.
        options = types.SimpleNamespace(socket=rig.control, tty=None, timeout=60)
        self.line = self.ctl.Line(options)

    def ask(self, command, *arguments):
        return self.line.ask(command, arguments)

    def refused(self, code, command, *arguments):
        try:
            self.ask(command, *arguments)
        except self.ctl.Refused as error:
            expect(error.error.get("code") == code, "%s %s: %s instead of %s" % (
                command, arguments, error.error, code))
            return error.error["message"]
        raise Failure("%s %s is done, and should not be" % (command, arguments))

    def state(self, name):
        return self.ask("vm", name)["state"]

    def until_state(self, name, state, limit=60):
        deadline = time.monotonic() + limit
        while self.state(name) != state:
            expect(time.monotonic() < deadline, "%s does not become %s but is %s; the last on COM1:"
                   "\n%s" % (name, state, self.state(name), tail(self.rig.text()[-4000:])))
            time.sleep(0.1)

    def log(self):
        return "\n".join(self.ask("log")["lines"])

    def memory(self):
        """By owner; and, apart, Plinth's own page tables, which keep what they have grown to."""
        owners = {row["owner"]: row["used"] for row in self.ask("mem")["owners"]}
        return owners, owners.pop("own page tables")


@contextlib.contextmanager
def plinth(box, *guests, cpus=2, modules=TINY):
    config = box.file("config.toml", ('[host]\nwhen_last_ends = "shell"\n' + "".join(guests))
                      .encode())
    rig = Rig(box, "", config=config, modules=modules, memory=0, machine_memory=768, cpus=cpus)
    try:
        rig.until("the shell has the machine|starts with")
        yield Plinth(rig)
        if re.search("panic", rig.text(), re.IGNORECASE):
            raise Failure("Plinth panicked:\n" + tail(rig.text()))
    finally:
        rig.close()


# What an order does in each state: the state that follows, or the error.
VERBS = {
    "start": {"stopped": "running", "crashed": "running"},
    "pause": {"running": "paused"},
    "resume": {"paused": "running"},
    "reset": {"running": "running", "paused": "paused"},
    "button": {"running": "running"},
    "stop": {"running": "stopped", "paused": "stopped", "crashed": "stopped"},
}
STATES = ("stopped", "running", "paused", "crashed")


def bring(p, name, state):
    """A guest in this state, whatever it was in before."""
    p.ask("destroy", name)
    p.ask("create", name, "memory=4M", "kernel=life.elf",
          "cmdline=do=" + ("nowhere" if state == "crashed" else "wait"))
    if state != "stopped":
        p.ask("start", name)
    if state == "paused":
        p.ask("pause", name)
    p.until_state(name, state)


def test_verbs(box, emulator):
    """Every order in every state."""
    with plinth(box, guest("a", "wait")) as p:
        for verb, does in VERBS.items():
            for state in STATES:
                bring(p, "a", state)
                if state not in does:
                    message = p.refused("wrong-state", verb, "a")
                    expect("%s: a is %s: " % (verb, state) in message, message)
                    expect(p.state("a") == state, "%s changes what is %s" % (verb, state))
                    continue
                p.ask(verb, "a")
                # One that crashes does so again when it is started.
                expect(p.state("a") in (does[state], "crashed" if state == "crashed" else ""),
                       "%s: from %s to %s" % (verb, state, p.state("a")))
        for state in STATES:
            bring(p, "a", state)
            p.ask("destroy", "a")
            p.refused("not-found", "vm", "a")
            p.ask("create", "a", "memory=4M", "kernel=life.elf")
        for verb in [*VERBS, "destroy"]:
            p.refused("not-found", verb, "nobody")
        p.refused("exists", "create", "a", "memory=4M", "kernel=life.elf")


def test_ends(box, emulator):
    """What guests do themselves, and what their configs have for it."""
    guests = [guest("button", "button"), guest("off", "off"), guest("gone", "nowhere"),
              guest("reset", "reset"), guest("triple", "triple"), guest("pass", "check ms=200"),
              guest("reset-stop", "reset", on_reboot="stop"),
              guest("off-destroy", "off", on_poweroff="destroy"),
              guest("gone-restart", "nowhere", on_crash="restart")]
    with plinth(box, *guests) as p:
        for name, state in (("off", "stopped"), ("gone", "crashed"), ("pass", "stopped"),
                            ("reset-stop", "stopped"), ("triple", "crashed"),
                            ("gone-restart", "crashed")):
            p.ask("start", name)
            p.until_state(name, state)
        for said in ("guest off ended: powered off, status 0", "guest pass ended: exit port, status "
                     "%d" % GUEST_PASS, "guest reset-stop ended: reset, status 0",
                     "guest gone ended: stopped by Plinth, status 126",
                     "triple is stopped: 10 triple faults in a row",
                     r"gone-restart has ended 5 times in a row"):
            p.rig.until(said)
        log = p.rig.text()  # all of it: Plinth's memory holds the last 32 KiB
        # QEMU's clock is the host's: where that is busy, some last longer than the 2 s.
        restarts = log.count("gone-restart is stopped: ")
        expect(restarts == 5 or restarts > 5 and emulator == "qemu", "restarts:\n" + log)
        expect(log.count("vCPU 0 at its triple fault") == 2, "triple faults:\n" + log)
        p.ask("start", "off-destroy")
        deadline = time.monotonic() + 60
        while any(row["name"] == "off-destroy" for row in p.ask("vms")["vms"]):
            expect(time.monotonic() < deadline, "off-destroy is still there")
        p.ask("start", "reset")
        p.rig.until(r"vm: reset is reset .*, 32 times by now")
        p.ask("stop", "reset")
        p.ask("start", "button")
        time.sleep(2)
        expect(p.state("button") == "running", "nobody has pressed the button")
        p.ask("button", "button")
        p.until_state("button", "stopped")
        expect("guest button ended: powered off" in p.log(), p.log())


def test_config(box, emulator):
    """What a config says of ends, without anybody who gives orders."""
    tables = [guest("pass", "check ms=4000", autostart=True),
              guest("off", "off", autostart=True),
              guest("off-restart", "off", autostart=True, on_poweroff="restart"),
              guest("off-destroy", "off", autostart=True, on_poweroff="destroy"),
              guest("reset-stop", "reset", autostart=True, on_reboot="stop"),
              guest("crash", "nowhere", autostart=True, cpus=2),
              guest("crash-restart", "nowhere", autostart=True, on_crash="restart"),
              guest("sleeps", "wait")]
    config = box.file("config.toml", "".join(tables).encode())
    result = box.run(TINY, config=config, memory=0, machine_memory=256, cpus=2, timeout=300)
    box.expect_no_fault(result)
    ends = {"pass": ("exit port, status %d" % GUEST_PASS, 1), "off": ("powered off, status 0", 1),
            "off-restart": ("powered off, status 0", 5), "off-destroy": ("powered off, status 0", 1),
            "reset-stop": ("reset, status 0", 1), "crash": ("stopped by Plinth, status 126", 1),
            "crash-restart": ("stopped by Plinth, status 126", 5), "sleeps": ("", 0)}
    for name, (how, count) in ends.items():
        seen = re.findall(r"plinth: guest %s ended: (.*)$" % name, result.output, re.MULTILINE)
        expect(seen == [how] * count, "%s: %s instead of %d times '%s'" % (name, seen, count, how))
    for name in ("off-restart", "crash-restart"):
        box.expect(result, "error: vm: %s has ended 5 times in a row" % name)
    box.expect(result, "^checked for 4000 ms")
    box.expect(result, "memory: all that the guest had is free again", "that all memory is back")
    box.expect_status(result, GUEST_PASS)


def rounds(p, names, count):
    for number in range(count):
        do = ("wait", "spin", "off")[number % 3]
        for name in names:
            p.ask("create", name, "memory=4M", "kernel=life.elf", "cmdline=do=" + do)
            p.ask("start", name)
        for name in names:
            p.ask("destroy", name)


TABLES_MAX = 32 << 10  # which the last of many rounds may find to be more than after the first


def leaks(box, names, count):
    with plinth(box) as p:
        rounds(p, names, 3)  # what grows once, has grown
        before, tables_before = p.memory()
        rounds(p, names, count)
        deadline = time.monotonic() + 20
        after, tables_after = p.memory()
        while after != before and time.monotonic() < deadline:  # the last threads are about to end
            after, tables_after = p.memory()
        expect(before == after, "after %d rounds of %d: %s; before them %s" % (
            count, len(names), after, before))
        expect(tables_after - tables_before <= TABLES_MAX, "Plinth's page tables have grown from %d "
               "to %d bytes" % (tables_before, tables_after))


def test_no_leak(box):
    leaks(box, ["a"], ROUNDS)


def test_no_leak_of_two(box, emulator):
    leaks(box, ["a", "b"], ROUNDS_OF_TWO[emulator])


def linux(p):
    """Seconds since Linux has started, as it says itself."""
    since = p.rig.here()
    p.ask("type", "linux", "cat /proc/uptime\\r")
    p.rig.until(r"\n\d+\.\d\d \d+\.\d\d\r", since)
    return float(re.search(r"\n(\d+\.\d\d) ", p.rig.text(since)).group(1))


PAUSE = 8  # seconds, by Plinth's clock: Bochs' is not ours


def test_pause_linux(box, emulator):
    """Time stands still for a paused Linux, its console too; it goes on as if nothing had been."""
    config = guest("linux", "", kernel="vmlinuz", initrd="initrd.gz", memory="256M", autostart=True,
                   cmdline="console=ttyS0 quiet cryptomgr.notests")
    with plinth(box, config, modules=LINUX) as p:
        p.rig.until(r"[#$] (\x1b\[\S*)?$")
        p.ask("type", "linux", "while :; do echo tick; sleep 0.2; done &\\r")
        p.rig.until("tick\r\ntick")
        p.ask("top")  # which says how long it is since the last one
        first = linux(p)
        p.ask("pause", "linux")
        ran = p.ask("top")["interval-ms"]
        time.sleep(0.5)  # what was on its way to the terminal
        silent = p.rig.here()
        p.ask("type", "linux", "echo typed-while-it-$((1+1))\\r")
        paused = 0
        while paused < 1000 * PAUSE:
            time.sleep(1)
            paused += p.ask("top")["interval-ms"]
        expect(p.rig.here() == silent, "a paused guest says:\n" + p.rig.text(silent))
        p.ask("resume", "linux")
        p.rig.until("typed-while-it-2", silent)
        second = linux(p)
        ran += p.ask("top")["interval-ms"]
        expect(second - first < ran / 1000 + 1, "of %d ms, and a pause of %d ms, Linux has seen %.2f s"
               % (ran, paused, second - first))
        # What watches over clocks and CPUs has had its time to complain.
        time.sleep(5)
        since = p.rig.here()
        p.ask("type", "linux", "kill %1; dmesg | grep -iE 'stall|unstable|lockup|hung|watchdog:'; "
              "echo no-\\\\more\\r")
        p.rig.until("no-more", since)
        expect(not re.search(r"\[ *\d+\.\d+\].*(?i:stall|unstable|lockup|hung)", p.rig.text()),
               "Linux complains:\n" + tail(p.rig.text()))
        p.ask("pause", "linux")
        p.ask("destroy", "linux")


test_no_leak.seconds = test_pause_linux.seconds = 40


# Ways to die: what the guest does, and what Plinth says of it. `None`: it is ended by an order.
KILLS = {
    "triple": "10 triple faults in a row, each within 2 s",
    "nowhere": "executes at 0xd0000000, where it has no memory",
    "apic": "executes at 0xfee00000",
    "stack": "the delivery of vector 6 touches 0xd00000",
    "irq-stack": "the delivery of vector 85 touches 0xd00000",
    "tables": "page tables at 0xd0000000",
    "walk": "page tables (at|for) 0x",
    "root": "page tables at 0xd0000000",
    "idt": "the delivery of vector 6 touches 0xd00000",
    "tss": "the delivery of vector 2 touches 0xd00000",
    "fpu": "touches device memory at 0xd0000000",
    "entry": "the CPU refused to enter the guest",
    "task": "a hardware task switch",
    "reset": None,
}
# QEMU's CPU does task switches itself, and takes a CR3 that others do not.
NOT_ON = {"qemu": {"task"}, "bochs": {"entry", "reset"}}
# Others' lines may come in between, so each has the guest's name.
DUMP = (r"error: vm: NAME: vCPU 0 (when it was stopped|at its triple fault):\n[\s\S]*?"
        r"\] NAME: rip \w{16} rflags[\s\S]*?\] NAME: its last exits[\s\S]*?"
        r"\] NAME: .* at RIP \w{16}[\s\S]*?\] NAME: code at RIP:[\s\S]*?"
        r"\] NAME: addresses .* follow a call:\n")


def kills(emulator):
    return {name: why for name, why in KILLS.items() if name not in NOT_ON[emulator]}


def check_kill(log, name, why):
    expect(re.search("vm: %s is stopped: .*(%s)" % (name, why), log),
           "%s is not stopped with '%s':\n%s" % (name, why, tail(log, 80)))
    expect(re.search(DUMP.replace("NAME", name), log),
           "%s: no state in the log:\n%s" % (name, tail(log, 80)))


def test_kills(box):
    """One guest after the other crashes; a neighbour computes, and checks its clocks, all the while."""
    neighbour = guest("neighbour", "check", autostart=True)
    with plinth(box, neighbour, *[guest(name, name) for name in kills("qemu")]) as p:
        p.rig.until("^checking|\nchecking")
        for name, why in kills("qemu").items():
            since = p.rig.here()
            p.ask("start", name)
            if why:
                p.rig.until("guest %s ended: stopped by Plinth, status 126" % name, since)
                p.until_state(name, "crashed")
                check_kill(p.rig.text(since).replace("\r", ""), name, why)
            else:
                p.rig.until("vm: %s is reset .*, 64 times by now" % name, since)
                p.ask("stop", name)
            expect(p.state("neighbour") == "running", "the neighbour of %s has ended" % name)
        p.ask("type", "neighbour", "q")
        p.until_state("neighbour", "stopped")
        p.rig.until(r"checked for \d+ ms")
        expect(re.search(r"^PASS\r?$", p.rig.text(), re.MULTILINE) and "FAIL" not in p.rig.text(),
               "the neighbour's checks:\n" + tail(p.rig.text()))


def test_kills_at_once(box, emulator):
    """The same by a config, so on both vendors: all of them at the same time."""
    ms = {"qemu": 10000, "bochs": 10000}[emulator]
    text = guest("neighbour", "check ms=%d" % ms, autostart=True)
    text += "".join(guest(name, name, autostart=True) for name, why in kills(emulator).items() if why)
    config = box.file("config.toml", text.encode())
    result = box.run(TINY, config=config, memory=0, machine_memory=512, cpus=2, timeout=400,
                     **({} if emulator == "qemu" else {"extra": ["error: action=ignore"]}))
    box.expect_no_fault(result)
    for name, why in kills(emulator).items():
        if why:
            check_kill(result.output, name, why)
    box.expect(result, "^checked for %d ms" % ms)
    box.expect(result, "^PASS$", "that the neighbour's checks hold")
    box.expect(result, "memory: all that the guest had is free again", "that all memory is back")
    box.expect_status(result, GUEST_PASS)


test_kills.seconds = test_kills_at_once.seconds = 40
