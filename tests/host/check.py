# SPDX-License-Identifier: MIT
"""plinth-check: its exit codes and messages; and every config that the docs show is right."""
import glob
import os
import re
import subprocess

import machine
from boot_box import Failure

CHECK = os.path.join(machine.BUILD, "plinth-check")
GOOD = '[vm.a]\nmemory = "64M"\nkernel = "vmlinuz"\n'
# Two errors; the second behind a tab and characters of several bytes.
BAD = '[vm.a]\nmemory = "64M"\nkernl = "vmlinuz"\n\tcmdline = "é€𝄞\\q"\n'
BAD_SAYS = """\
%s:3:1: error: there is no key 'kernl': did you mean 'kernel'? Allowed are cpus, memory, kernel, \
initrd, cmdline, boot, weight, cap, pin, autostart, on_poweroff, on_reboot, on_crash and debug_ports
  kernl = "vmlinuz"
  ^
%s:4:17: error: expected one of b t n f r " \\ u U after the backslash (in '…' a backslash stands for \
itself), found 'q'
  \tcmdline = "é€𝄞\\q"
  \t               ^
%s: 2 errors
"""


def run(*words, given=b""):
    return subprocess.run([CHECK, *words], input=given, capture_output=True, check=False,
                          timeout=20)


def expect(done, status, out="", err=None):
    said = done.stdout.decode(), done.stderr.decode()
    if done.returncode != status or said[0] != out or err is not None and said[1] != err:
        raise Failure("status %d instead of %d; it said:\n%s\n%s\ninstead of:\n%s\n%s" % (
            done.returncode, status, *said, out, err))


def expect_usage(done, pattern):
    if done.returncode != 2 or done.stdout or not re.search(pattern, done.stderr.decode()):
        raise Failure("status %d instead of 2, without '%s':\n%s" % (
            done.returncode, pattern, done.stderr.decode()))


def test_good(box):
    path = box.file("good.toml", GOOD.encode())
    expect(run(path), 0, "", "")
    expect(run(path, path), 0, "", "")
    expect(run("-", given=GOOD.encode()), 0, "", "")


def test_bad(box):
    good, bad = box.file("good.toml", GOOD.encode()), box.file("bad.toml", BAD.encode())
    expect(run(bad), 1, "", BAD_SAYS % (bad, bad, bad))
    expect(run(bad, good), 1, "", BAD_SAYS % (bad, bad, bad))
    expect(run(good, bad), 1, "", BAD_SAYS % (bad, bad, bad))
    expect(run("-", given=BAD.encode()), 1, "", BAD_SAYS % (("<stdin>",) * 3))


def test_hostile_text(box):
    """Bytes of a file never reach the terminal as control characters."""
    done = run("-", given=b'\x1b[2J = "\x1b"\n[vm."a\x1b]0;"]\n# \x9b\xff\r\n\x00\x00')
    if done.returncode != 1 or b"\x1b" in done.stderr or b"\x00" in done.stderr:
        raise Failure("status %d:\n%r" % (done.returncode, done.stderr))


def test_unusable(box):
    good = box.file("good.toml", GOOD.encode())
    missing = os.path.join(box.folder, "missing.toml")
    expect(run(missing), 2, "", "plinth-check: %s: No such file or directory\n" % missing)
    # What cannot be read weighs more than what is wrong.
    if run(missing, box.file("bad.toml", BAD.encode())).returncode != 2:
        raise Failure("a file that is missing and a wrong one: not status 2")
    expect_usage(run(box.folder), "Is a directory")
    expect_usage(run(), "^usage: ")
    expect_usage(run("--colour", good), "^usage: ")
    expect_usage(run("--cpus"), "value is missing")
    expect_usage(run("--cpus", "0", good), "--cpus '0'")
    expect_usage(run("--cpus=65", good), "--cpus '65'")
    expect_usage(run("--cpus", "3-1", good), "--cpus '3-1'")
    expect_usage(run("--memory", "lots", good), "--memory 'lots'")
    if not run("--help").stdout.startswith(b"usage: "):
        raise Failure("--help does not show the usage")


def test_machine(box):
    text = GOOD + 'pin = "0-2"\ninitrd = "initrd.gz"\n'
    path = box.file("config.toml", text.encode())
    fits = ["--cpus", "3", "--memory", "64M", "--modules", "vmlinuz,initrd.gz"]
    expect(run(*fits, path), 0, "", "")
    expect(run("--cpus=0-2,9", path), 0, "", "")
    for words, error in (
            (["--cpus", "2"], "4:1: error: the guest 'a' is pinned to CPU 2, and the machine has "
                              "CPU 0-1\n  pin = \"0-2\"\n  ^\n"),
            (["--cpus", "0,2"], "4:1: error: the guest 'a' is pinned to CPU 1, and the machine has "
                                "CPU 0,2\n  pin = \"0-2\"\n  ^\n"),
            (["--memory=62M"], "2:1: error: the guest 'a' has 64 MiB of memory, and the machine has "
                               "62 MiB for guests\n  memory = \"64M\"\n  ^\n"),
            (["--modules", "vmlinuz,initrd"],
             "5:1: error: there is no boot module 'initrd.gz' for the initrd of 'a': did you mean "
             "'initrd'? there are 'vmlinuz' and 'initrd'\n  initrd = \"initrd.gz\"\n  ^\n")):
        expect(run(*words, path), 1, "", "%s:%s%s: 1 error\n" % (path, error, path))


def round_trip(name, text, machine_words=()):
    first = run(*machine_words, "--print", "-", given=text.encode())
    if first.returncode:
        raise Failure("%s is not right:\n%s" % (name, first.stderr.decode()))
    expect(run("--print", "-", given=first.stdout), 0, first.stdout.decode(), "")


def test_docs(box):
    """Every ```toml block in docs/, and guests/*.toml."""
    blocks = 0
    for path in sorted(glob.glob(os.path.join(machine.TOP, "docs", "*.md"))):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for found in re.finditer(r"^```toml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            line = text.count("\n", 0, found.start()) + 2
            round_trip("the block at %s:%d" % (os.path.basename(path), line), found.group(1))
            blocks += 1
    if blocks < 3:
        raise Failure("only %d blocks of toml in docs/" % blocks)
    samples = sorted(glob.glob(os.path.join(machine.TOP, "guests", "*.toml")))
    if not samples:
        raise Failure("no guests/*.toml")
    for path in samples:
        with open(path, encoding="utf-8") as f:
            round_trip(path, f.read())
