# SPDX-License-Identifier: MIT
"""Two Linux guests that want the same physical CPU all the time, on a machine of two: each is told
that the other had half of its time."""
import re

from boot_box import CLOUD, INITRD, Failure

GUEST = """[vm.%s]
memory = "192M"
kernel = "vmlinuz"
initrd = "initrd.gz"
pin = [0]
on_reboot = "stop"
cmdline = "console=ttyS0 quiet cryptomgr.notests plinth.run=steal %s"
"""


def test_half(box):
    config = box.file("config.toml", (GUEST % ("one", "plinth.stay") + GUEST % ("two", "")).encode())
    result = box.run([(CLOUD, "vmlinuz"), (INITRD, "initrd.gz")], config=config, cpus=2, memory=0,
                     machine_memory=640, timeout=200)
    box.expect_no_fault(result)
    # Which is on the screen says more.
    seen = box.expect(result, r"^stolen .*$").group(0)
    ends = re.findall(r"guest (?:one|two) ended: (.*), status", result.output)
    if ends != ["powered off", "powered off"]:
        raise Failure("the guests ended with %s; one of them saw: %s" % (ends, seen))


test_half.seconds = 40
