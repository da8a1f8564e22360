# SPDX-License-Identifier: MIT
"""What cannot be started: each is refused with a message that names the fault; Plinth stays up."""
import struct

from boot_box import CLOUD, INITRD, Failure

WORDS = "console=ttyS0 plinth.run=nothing"
# Offsets in a bzImage: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
INIT_SIZE = 0x260


def refused(box, modules, pattern, **settings):
    """The run ends by itself, not with success, and says why on COM1."""
    result = box.run(modules, timeout=100, **settings)
    box.expect_no_fault(result)
    box.expect(result, pattern)
    if result.status == 0 and result.ended:
        raise Failure("refused, but the status says success")


def cloud(box, name="kernel", cut=None, patch=()):
    with open(CLOUD, "rb") as f:
        data = bytearray(f.read() if cut is None else f.read(cut))
    for offset, value in patch:
        struct.pack_into("<I", data, offset, value)
    return box.file(name, bytes(data))


def test_no_module(box, emulator):
    refused(box, [], "there is no kernel")


def test_empty_kernel(box):
    # GRUB passes on a module of no bytes or refuses it itself: QEMU's loader is asked as well.
    refused(box, [(box.file("empty", b""), "")], "(?i)empty|there is no kernel")


def test_truncated_header(box):
    refused(box, [(cloud(box, cut=0x230), WORDS)], "truncated")


def test_truncated_kernel(box, emulator):
    refused(box, [(cloud(box, cut=1 << 20), WORDS)], "truncated")


def test_not_a_kernel(box, emulator):
    refused(box, [(box.file("text", b"Once upon a time\n" * 400), "")], "has to be a Linux bzImage")


def test_initrd_as_kernel(box):
    refused(box, [(INITRD, "")], "gzip")


def test_kernel_too_large(box):
    path = cloud(box, patch=[(INIT_SIZE, 1 << 30)])
    refused(box, [(path, WORDS), (INITRD, "")], "give the guest at least")


def test_memory_too_small(box):
    refused(box, [(CLOUD, WORDS), (INITRD, "")], "give the guest at least", memory=24,
            machine_memory=256)


def test_initrd_too_large(box):
    big = box.file("big", b"\0" * (120 << 20))
    refused(box, [(CLOUD, WORDS), (big, "")], "initrd .*does not fit", memory=128,
            machine_memory=512)


def test_long_command_line(box):
    refused(box, [(CLOUD, WORDS + " x=" + "y" * 3000), (INITRD, "")], "command line")


def test_more_memory_than_there_is(box, emulator):
    refused(box, [(CLOUD, WORDS), (INITRD, "")], r"(?i)memory", memory=4096, machine_memory=512)


def test_machine_too_small(box):
    refused(box, [(CLOUD, WORDS)], "too little for a guest", memory=0, machine_memory=32)


def multiboot_file(flags, checksum=None):
    """A file with a multiboot 1 header that is no ELF."""
    magic = 0x1BADB002
    if checksum is None:
        checksum = -(magic + flags) & 0xFFFFFFFF
    return b"\0" * 64 + struct.pack("<III", magic, flags, checksum) + b"\0" * 8192


def test_multiboot_flags(box, emulator):
    refused(box, [(box.file("flags", multiboot_file(0x00018000)), "")], "flag bit 15|flags 0x")


def test_multiboot_checksum(box):
    refused(box, [(box.file("sum", multiboot_file(3, 1)), "")], "checksum")


def test_bad_words(box):
    """Plinth's own command line."""
    refused(box, [(CLOUD, WORDS), (INITRD, "")], "(?i)mem=", plinth="mem=lots",
            memory=0, machine_memory=448)
