# SPDX-License-Identifier: MIT
"""The ways Plinth gets onto a machine: CD, stick, UEFI, and QEMU's own multiboot 1 loader."""
import os

import machine
from boot_box import CLOUD, INITRD

MODULES = [(CLOUD, "console=ttyS0 quiet cryptomgr.notests plinth.run=nothing"), (INITRD, "")]
OVMF = "/usr/share/ovmf/OVMF.fd"


def started(box, result):
    box.expect_no_fault(result)
    box.expect_status(result, 0)
    box.expect(result, "^BEGIN nothing")


def full_image(box):
    path = os.path.join(box.folder, "full.iso")
    machine.write_iso(machine.Machine(memory=0, modules=MODULES), path, everywhere=True)
    return path


def from_disk(box, path, **settings):
    try:
        # Without GRUB's CD in the drive, and the image as a disk instead.
        return box.run(MODULES, timeout=200, boot="disk", count=False, extra=[
            "-drive", "file=%s,format=raw,if=ide,snapshot=on" % path], **settings)
    finally:
        os.unlink(path)


def test_stick(box):
    started(box, from_disk(box, full_image(box)))


def test_uefi(box):
    started(box, from_disk(box, full_image(box), firmware=OVMF, machine_memory=768))


def test_cd(box):
    started(box, box.run(MODULES, boot="iso", count=False))


def test_multiboot1(box):
    started(box, box.run(MODULES, boot="direct"))


def test_memory_above_4g(box):
    started(box, box.run(MODULES, memory=3072, machine_memory=6144))


def test_two_processors(box, emulator):
    """Plinth uses one so far; the other must not come in its way."""
    started(box, box.run(MODULES, cpus=2, timeout=300))
