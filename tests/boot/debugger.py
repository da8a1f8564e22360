# SPDX-License-Identifier: MIT
"""`make gdb`: QEMU stopped at Plinth's entry, and what .gdbinit's commands print."""
import os
import subprocess

import machine
from boot_box import Failure

COMMANDS = """\
bt 1
hbreak exit_handle
continue
plinth-cpus
plinth-threads
plinth-guest
plinth-control
plinth-vm
bt
kill
quit
"""
SHOWN = ("boot_start32 ()", "CPU 0  APIC ID 0  runs guest", "idle", "the last exit: ",
         "control.iopm_base", "save.cr3", "command line 'console=ttyS0", "in vcpu_loop (")


def test_gdb(box):
    environment = dict(os.environ, EMU="qemu", ACCEL="tcg", BOOT="direct")
    for name in ("KERNEL", "INITRD", "CMDLINE", "COUNT", "DIRECT"):
        environment.pop(name, None)
    log = os.path.join(box.folder, "gdb.log")
    with open(log, "wb") as out:
        process = machine.start([os.path.join(machine.TOP, "tools", "run"), "--gdb"],
                                stdin=subprocess.PIPE, stdout=out, stderr=out, env=environment)
        try:
            process.communicate(COMMANDS.encode(), timeout=120)
        except subprocess.TimeoutExpired:
            pass
        finally:
            machine.stop(process)
    with open(log, encoding="utf-8", errors="replace") as f:
        text = f.read()
    for words in SHOWN:
        if words not in text:
            raise Failure("gdb did not show '%s':\n%s" % (words, text[-3000:]))
