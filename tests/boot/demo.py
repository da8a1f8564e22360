# SPDX-License-Identifier: MIT
"""`make run DEMO=many` as a person drives it: three guests on one terminal, and the shell."""
import re

from boot_box import Failure
from terminal import with_typist

GUESTS = {"one": 1, "two": 2, "four": 4}
LIMIT = {"qemu": 400, "bochs": 1200}


def here(name):
    """The prompt of a guest's shell."""
    return rb"\n\r?%s:/root # (\x1b\[[0-9;?]*[A-Za-z])*$" % name.encode()


class Person:
    def __init__(self, typist):
        self.typist = typist

    def shell(self):
        """Ctrl-]: from a guest to the shell."""
        self.typist.until(rb"plinth> $", self.typist.type(b"\x1d"))

    def ask(self, command, pattern=rb"", settle=0.0):
        """A command of the shell, and its answer as text."""
        since = self.typist.type(command.encode() + b"\r")
        self.typist.until(pattern + rb"(?s:.*)plinth> $", since, settle)
        answer = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", self.typist.seen[since:])
        return answer.decode("utf-8", "replace").replace("\r", "")

    def states(self):
        return dict(re.findall(r"^(one|two|four) +(\w+)", self.ask("vms", rb"four "), re.MULTILINE))

    def expect_states(self, **wanted):
        states = self.states()
        if states != {**{name: "running" for name in GUESTS}, **wanted}:
            raise Failure("vms says %s; other than these were to run: %s" % (states, wanted))

    def visit(self, name, command, pattern):
        """From the shell to a guest and back; what was said there stands in between."""
        typist = self.typist
        since = typist.type(b"attach %s\r" % name.encode())
        typist.until(rb"\[console of %s; " % name.encode(), since)
        # What it has said before is shown, its prompt too.
        typist.until(here(name), since, settle=0.5)
        since = typist.type(command.encode() + b"\r")
        typist.until(rb"\n" + pattern + rb"\r", since)
        typist.until(here(name), since, settle=0.5)
        self.shell()


def look_around(person):
    """Each guest has its console, its name and its processors."""
    for name, cpus in GUESTS.items():
        person.visit(name, "echo $(hostname) has $(nproc)", b"%s has %d" % (name.encode(), cpus))
    answer = person.ask("cpus", rb"runs")
    if not re.search(r"^ +0 +\d+ +(busy|idle)( +\d+){4} +\S+\n +1 ", answer, re.MULTILINE):
        raise Failure("cpus says %s" % answer)


def look_at_top(person):
    """A busy guest is at the top's figures; a key ends them."""
    typist = person.typist
    since = typist.type(b"attach one\r")
    typist.until(rb"console of one", since)
    typist.type(b"while :; do :; done &\r")
    typist.until(here("one"), since, settle=0.5)
    person.shell()
    since = typist.type(b"top\r")
    # The second picture at the earliest: the first one is of all the time since the start.
    typist.until(rb"(any key ends(?s:.*)){3}", since)
    typist.until(rb"plinth> $", typist.type(b"q"))
    shown = re.findall(rb"one +running +256 MiB +(\d+) +(\d+) +(\d+) ", typist.seen[since:])
    if len(shown) < 3 or int(shown[-1][0]) + int(shown[-1][1]) < 80:
        raise Failure("top shows one's run, steal and wait as %s" % shown)


def change_lives(person):
    """Stop, start, pause, resume, cap: of one guest, and the others go on."""
    typist = person.typist
    person.ask("stop two", rb"two is stopped")
    person.expect_states(two="stopped")
    # Keys for a guest that is off go nowhere.
    person.ask("type two x")
    since = len(typist.seen)
    person.ask("start two")
    person.expect_states()
    person.ask("pause one")
    person.expect_states(one="paused")
    person.ask("resume one")
    person.ask("cap four 20")
    if not re.search(r"^cap +20$", person.ask("vm four", rb"cap"), re.MULTILINE):
        raise Failure("vm four does not show its cap")
    # A pin is shown as it is written.
    for pin in ("all", "1", "0-1"):
        person.ask("pin four " + pin)
        if not re.search(r"^pin +%s$" % pin, person.ask("vm four", rb"pin"), re.MULTILINE):
            raise Failure("vm four does not show that its pin is %s" % pin)
    typist.until(rb"\[console of two; ", typist.type(b"attach two\r"))
    typist.until(rb"(It is the guest two(?s:.*)){2}", since)
    typist.until(here("two"), since, settle=0.5)
    person.shell()
    person.visit("one", "kill %1; echo still $((40+2))", rb"still 42")
    person.expect_states()


def leave(person):
    """A guest that ends while it is shown leaves the terminal to the shell; the last, the machine."""
    typist = person.typist
    for name in ("four", "two"):
        since = typist.type(b"attach %s\r" % name.encode())
        typist.until(rb"console of", since)
        since = typist.type(b"poweroff -f\r")
        typist.until(rb"guest %s ended: powered off(?s:.*)plinth> $" % name.encode(), since)
    person.expect_states(two="stopped", four="stopped")
    typist.until(rb"console of one", typist.type(b"attach one\r"))
    typist.type(b"poweroff -f\r")
    status = typist.end()
    if status:
        raise Failure("status %d after the last guest's end: %s" % (status, typist.tail()))


def test_many(_, emulator):
    def script(typist):
        person = Person(typist)
        typist.until(here("one"), settle=1.5)
        for words in (rb"Ctrl-\] leads to Plinth's shell", rb"3 guests run; Ctrl-\] leads",
                      rb"attach NAME"):
            typist.until(words)
        person.shell()
        look_around(person)
        look_at_top(person)
        change_lives(person)
        leave(person)

    with_typist(emulator, LIMIT[emulator], script, DEMO="many")


test_many.seconds = 120
