# SPDX-License-Identifier: MIT
"""Plinth's own faults: each protection holds, and each crash says what, where and how we came there."""
import os

import machine
from boot_box import Failure

GUEST_HELLO = os.path.join(machine.BUILD, "guest", "hello.elf")

# kind → what the fault is in words, and a function that the backtrace names.
KINDS = {
    "null": (r"page fault \(#PF\): write to 0+: nothing is mapped there", "crash_null"),
    "write-text": (r"page fault \(#PF\): write to 0xffffffff80\w+: not allowed", "crash_write_text"),
    "write-rodata": (r"page fault \(#PF\): write to 0xffffffff80\w+: not allowed",
                     "crash_write_rodata"),
    "write-alias": (r"page fault \(#PF\): write to 0xffff8000\w+: not allowed",
                    "crash_write_alias"),
    "run-data": (r"page fault \(#PF\): execution at 0xffffffff80\w+: not allowed", r"crash\+"),
    "stack": (r"double fault[\s\S]*the stack has overflowed into its guard page", "deeper"),
    "canary": (r"a function's stack frame has been overwritten", "crash_canary"),
    "assert": (r"boot/crash\.c:\d+: assertion failed: strlen", "crash_assert"),
    "ud": (r"invalid opcode \(#UD\)", "crash_ud"),
}


def crash(box, kind):
    words, function = KINDS[kind]
    result = box.run([(GUEST_HELLO, "")], timeout=60, plinth="crash=" + kind)
    box.expect(result, r"PANIC: " + words)
    box.expect(result, r"backtrace:[\s\S]*#\d+ +0x\w+ " + function)
    box.expect(result, r"#\d+ +0x\w+ thread_start\+")
    if result.status == 0:
        raise Failure("a panic, but the status says success")


def test_null(box, emulator):
    crash(box, "null")


def test_stack(box, emulator):
    crash(box, "stack")


def test_write_alias(box, emulator):
    crash(box, "write-alias")


def test_write_text(box):
    crash(box, "write-text")


def test_write_rodata(box):
    crash(box, "write-rodata")


def test_run_data(box):
    crash(box, "run-data")


def test_canary(box):
    crash(box, "canary")


def test_assert(box):
    crash(box, "assert")


def test_ud(box):
    crash(box, "ud")


def test_kind_unknown(box):
    result = box.run([(GUEST_HELLO, "")], timeout=60, plinth="crash=nonsense")
    box.expect(result, r'"crash=nonsense": there is no such kind')
