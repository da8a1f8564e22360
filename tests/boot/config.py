# SPDX-License-Identifier: MIT
"""Booting with a plinth.toml, with a wrong one, and without one."""
import os
import re

import machine
from boot_box import CLOUD, GUEST_PASS, INITRD, Failure

HELLO = os.path.join(machine.BUILD, "guest", "hello.elf")
SMP = os.path.join(machine.BUILD, "guest", "smp-start.elf")
TABLE = '[vm.tiny]\nmemory = "16M"\nkernel = "hello.elf"\ndebug_ports = true\n'
NO_CONFIG = r"boot: there is no config \(a module NAME\.toml\): "


def run(box, text, modules=((HELLO, "hello.elf"),), **settings):
    path = box.file("config.toml", text.encode())
    settings.setdefault("memory", 0)
    settings.setdefault("machine_memory", 256)
    result = box.run(list(modules), config=path, timeout=180, **settings)
    box.expect_no_fault(result)
    return result


def absent(result, pattern):
    found = re.search(pattern, result.output, re.MULTILINE)
    if found:
        raise Failure("COM1 shows '%s', and should not" % found.group(0))


def passed(box, result):
    box.expect_status(result, GUEST_PASS)
    box.expect(result, "^PASS")


def refused(box, text, *errors, **settings):
    """Every error is told, in order, and no guest is started."""
    result = run(box, text, **settings)
    box.expect(result, "guest ended: not started, status 127")
    absent(result, "^PASS|^BEGIN|vm: .* starts with")
    told = re.findall(r"(plinth\.toml:\d+:\d+: .*)$", result.output, re.MULTILINE)
    if len(told) != len(errors) or not all(re.search(*pair) for pair in zip(errors, told)):
        raise Failure("told:\n%s\ninstead of:\n%s" % ("\n".join(told), "\n".join(errors)))
    box.expect(result, r"boot: plinth\.toml has %d errors?, so no guest is started" % len(errors))


def test_tiny(box, emulator):
    result = run(box, TABLE)
    passed(box, result)
    box.expect(result, r"boot: the guests are those of the module plinth\.toml")
    box.expect(result, "vm: tiny starts with 16 MiB")
    absent(result, NO_CONFIG)


def test_linux(box, emulator):
    """Kernel, initrd and command line are the config's, wherever the modules stand."""
    words = "console=ttyS0 quiet cryptomgr.notests plinth.run=nothing"
    result = run(box, '[vm.linux]\nmemory = "256M"\nkernel = "vmlinuz"\ninitrd = "initrd.gz"\n'
                 'boot = "linux"\ncmdline = """%s"""\n' % words.replace(" ", " \\\n\t"),
                 [(INITRD, "initrd.gz"), (HELLO, "hello.elf"), (CLOUD, "vmlinuz")],
                 machine_memory=512)
    box.expect_status(result, 0)
    box.expect(result, "^BEGIN nothing")


def test_grub(box):
    """GRUB gives no file names: the first word is the module's name."""
    passed(box, run(box, TABLE, boot="iso", count=False))


def test_those_that_start(box, emulator):
    """All that are to start by themselves do, and the machine ends when the last of them has."""
    result = run(box, '[vm.a]\nmemory = "16M"\nkernel = "none.elf"\nautostart = false\n' +
                 TABLE + '[vm.b]\nmemory = "16M"\nkernel = "hello.elf"\ndebug_ports = true\n',
                 [(HELLO, "hello.elf"), (INITRD, "none.elf")])
    passed(box, result)
    box.expect(result, "guest tiny ended: exit port, status 16")
    box.expect(result, "guest b ended: exit port, status 16")
    if "guest a ended" in result.output:
        raise Failure("the guest that is not to start by itself has started")


def test_cpus(box, emulator):
    """As many as the config says, whatever the command line says."""
    result = run(box, '[vm.four]\ncpus = 4\nmemory = "128M"\nkernel = "smp-start.elf"\n'
                 'debug_ports = true\n', [(SMP, "smp-start.elf")], plinth="cpus=2")
    passed(box, result)
    box.expect(result, r"mem= and cpus= have no effect: plinth\.toml says what a guest has")


def test_wrong(box, emulator):
    refused(box, '[host]\nlog_level = "loud"\n[vm.a]\nmemory = "16M"\nkernl = "hello.elf"\n'
            'pin = [0,\n 64]\nx = 1979-05-27\n',
            'plinth.toml:2:13: log_level is "loud": it has to be "quiet", "info" or "debug"',
            "plinth.toml:5:1: there is no key 'kernl': did you mean 'kernel'?",
            "plinth.toml:7:2: pin names the CPU 64: it has to be from 0 to 63",
            "plinth.toml:8:5: a date has no place here")


def test_too_much_for_the_machine(box, emulator):
    refused(box, TABLE + 'initrd = "helo.elf"\npin = "63"\n[vm.b]\nmemory = "8G"\n'
            'kernel = "hello.elf"\n',
            "plinth.toml:6:1: the guest 'tiny' is pinned to CPU 63, and the machine has CPU 0",
            "plinth.toml:5:1: there is no boot module 'helo.elf' for the initrd of 'tiny': did you "
            "mean 'hello.elf'",
            r"plinth.toml:8:1: the guest 'b' has 8192 MiB of memory, and the machine has \d+ MiB")


def test_garbage(box):
    """A config that is none at all: its bytes do not reach the console as they are."""
    path = box.file("garbage", b"\x7fELF\x01\x00\xff\x1b[2J\n" * 1000)
    result = box.run([(HELLO, "hello.elf")], config=path, memory=0, machine_memory=256)
    box.expect_no_fault(result)
    box.expect(result, r"plinth\.toml:1:1: expected a key .* found the control character U\+007F")
    box.expect(result, "there are more errors: they are not shown")
    box.expect(result, "guest ended: not started, status 127")
    absent(result, "\x1b\\[2J")


def test_empty(box):
    result = run(box, "# nothing yet\n")
    box.expect(result, "no guest starts by itself: \"autostart = true\"")
    box.expect(result, "guest ended: not started, status 127")


def test_wrong_boot(box):
    result = run(box, TABLE + 'boot = "linux"\n')
    box.expect(result, "is a multiboot 1 kernel; it has to be a Linux bzImage, since boot = "
               '"linux" says so')
    box.expect(result, "guest ended: not started, status 127")


def test_host(box):
    """[host] counts from the first line on; the command line wins over it."""
    result = run(box, '[host]\nlog_level = "quiet"\n' + TABLE)
    passed(box, result)
    absent(result, "Plinth, started by")
    result = run(box, '[host]\nlog_level = "quiet"\n' + TABLE, plinth="log=info")
    passed(box, result)
    box.expect(result, "Plinth, started by")


def test_console(box):
    """On COM2, and then nothing on COM1."""
    log = os.path.join(box.folder, "com2.log")
    result = run(box, '[host]\nconsoles = ["com2"]\n' + TABLE, extra=["-serial", "file:" + log],
                 plinth="exit=acpi")
    with open(log, encoding="utf-8") as f:
        second = f.read()
    if "vm: tiny starts with 16 MiB" not in second or "PASS" not in second:
        raise Failure("COM2 shows:\n" + second)
    absent(result, "tiny")


def test_without(box, emulator):
    """The first modules are kernel and initrd, and that is said."""
    result = box.run([(HELLO, "")], guest_ports=True, memory=64)
    passed(box, result)
    box.expect(result, NO_CONFIG + "the first module is the guest's kernel, the second its initrd")


def test_without_modules(box):
    result = box.run([], memory=64)
    box.expect(result, NO_CONFIG + "and there is no module at all")
    box.expect(result, "there is no kernel")
