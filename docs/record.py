#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: docs/record.py

Runs the demonstration on a terminal of its own, types the commands below at the prompts of guests and
of Plinth's shell, and draws what was really shown as docs/run.svg. Linux's own boot messages are left
out, with a line that says how many; of `top` the last picture is drawn.
"""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from xml.sax.saxutils import escape

COLUMNS, ROWS = 122, 48
SECONDS = 500
COMMAND = ["make", "run", "DEMO=many"]
SHELL = "\x1d"
BUSY = "while :; do :; done &"
TYPED = ["uname -a; " + BUSY, SHELL, "vms", "attach four", BUSY, BUSY, SHELL, "cap four 50", "stop two",
         "top", "poweroff"]
PROMPT = rb"([#$]|plinth>) (\x1b\[[0-9;?]*[A-Za-z])*$"
LIVE = b"(any key ends this)"
LOOKS = 4
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def record():
    """All that the terminal got."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(TOP)
        time.sleep(0.5)  # until the terminal has its size
        os.execvpe(COMMAND[0], COMMAND, dict(os.environ, TERM="xterm"))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    seen, end = b"", time.monotonic() + SECONDS
    since, quiet, typed = 0, time.monotonic(), list(TYPED)
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.2)[0]:
            try:
                seen += os.read(fd, 65536)
            except OSError:
                break
            quiet = time.monotonic()
        if typed and time.monotonic() - quiet > 1 and re.search(PROMPT, seen[since:]):
            since = len(seen) + (0 if typed[0] == SHELL else len(typed[0]))
            word = typed.pop(0)
            os.write(fd, word.encode() + (b"" if word == SHELL else b"\r"))
        if seen.count(LIVE, since) == LOOKS:
            since = len(seen)
            os.write(fd, b"q")
    os.close(fd)  # what still runs is hung up
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or typed:
        sys.exit("this did not go well:\n" + seen.decode("utf-8", "replace")[-3000:])
    return seen.decode("utf-8", "replace")


def lines_of(raw):
    """The screen's lines, as (class, text)."""
    raw = re.sub(r"interval-ms(?s:.*)\x1b\[H(?=interval-ms)", "", raw)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", raw).replace("\r", "").expandtabs(8)
    yield "typed", "$ " + " ".join(COMMAND)
    left_out, linux = 0, False
    for line in text.split("\n"):
        linux = linux or "] Linux version" in line
        if linux and line.startswith("This is Linux"):
            yield "note", "  … %d lines of Linux's own …" % left_out
            linux = False
        if linux:
            left_out += 1
            continue
        if not line.strip() or "Booting `Plinth" in line:
            continue
        line = re.sub(r"^(plinth> )+", "plinth> ", line)
        if line == "plinth> " or re.match(r"\S* # $", line):
            continue
        kind = "typed" if re.match(r"\S* # |plinth> ", line) else "plain"
        for at in range(0, len(line), COLUMNS):
            yield kind, line[at:at + COLUMNS]


def svg(lines):
    width, height = COLUMNS * 7.3 + 32, len(lines) * 17 + 32
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d">'
           % (width, height, width, height),
           "<style>text { font: 12px 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #d0d0d0;"
           " white-space: pre } .typed { fill: #8ae234; font-weight: bold }"
           " .note { fill: #888; font-style: italic }</style>",
           '<rect width="100%" height="100%" rx="6" fill="#16181d"/>']
    for number, (kind, text) in enumerate(lines):
        out.append('<text x="16" y="%d" class="%s" xml:space="preserve">%s</text>'
                   % (28 + 17 * number, kind, escape(text)))
    return "\n".join(out + ["</svg>", ""])


picture = svg(list(lines_of(record())))
with open(os.path.join(TOP, "docs", "run.svg"), "w", encoding="utf-8") as f:
    f.write(picture)
