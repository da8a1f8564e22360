# SPDX-License-Identifier: MIT
"""The machines that Plinth is tried on: QEMU (AMD SVM) and Bochs (Intel VMX).

A Machine says what is to be started; from that come the boot image and the emulator's command line.
tools/run puts it on a terminal, tests/run and tools/bench capture what it says on COM1.
"""
import ctypes
import dataclasses
import fcntl
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "build")
PLINTH = os.path.join(BUILD, "plinth.elf")
# Plinth's own share of the machine's memory, beside the guest's: its heap, and what GRUB and the
# firmware hold of the modules while they are copied.
OWN_MEMORY = 192
BOCHS_MOST_MEMORY = 2048
ENDED = re.compile(rb"plinth: guest ended: ([^\r\n]*), status (\d+)")


class Problem(Exception):
    """Something that the user can put right; its text says how."""


@dataclasses.dataclass
class Machine:
    """What to start. Modules are pairs of a file and its command line, the guest's kernel first."""
    emulator: str = "qemu"
    accel: str = "tcg"
    cpus: int = 1
    vcpus: int = 1  # the guest's
    memory: int = 256  # the guest's, in MiB; 0: what the machine has
    machine_memory: int = 0  # the machine's; 0: what is enough
    modules: list = dataclasses.field(default_factory=list)
    config: str = ""  # a plinth.toml; modules are then pairs of a file and its name in there
    plinth: str = ""  # more words for Plinth's command line
    direct: bool = False  # the first module on the bare machine, without Plinth
    boot: str = "iso"
    restarts: bool = False  # a reset starts it anew; without this it is QEMU's end
    # TCG's, for several CPUs
    threads: str = dataclasses.field(default_factory=lambda: os.environ.get("TCG_THREADS") or "single")
    count: bool = False  # instructions are the clock, so that each run is the same
    shift: int = 0  # QEMU, counting: an instruction takes 2^shift ns
    spare: bool = False  # without the devices of QEMU's that Plinth's guests do not have either
    guest_ports: bool = False  # the guest gets QEMU's exit port and debug console
    image: str = PLINTH
    cpu_model: str = ""
    madt: str = ""  # an ACPI table in place of the firmware's APIC one (with boot="iso")
    firmware: str = ""  # another one than the emulator's own, such as OVMF
    realtime: bool = False  # a person types: Bochs' clock is not to run ahead
    extra: list = dataclasses.field(default_factory=list)  # more of the emulator's arguments

    def plinth_words(self):
        words = []
        if self.memory:
            words.append("mem=%dM" % self.memory)
        if self.vcpus != 1:
            words.append("cpus=%d" % self.vcpus)
        if self.emulator == "bochs":
            words.append("exit=bochs")  # it has no power button that tells a status
        if self.guest_ports:
            words.append("debug-ports")
        return " ".join(words + self.plinth.split())

    def megabytes(self):
        size = self.machine_memory or self.memory + OWN_MEMORY
        if self.direct and not self.machine_memory:
            size = self.memory
        if self.emulator == "bochs" and size > BOCHS_MOST_MEMORY:
            raise Problem("Bochs has at most %d MiB, %d are asked for: take a smaller MEM"
                          % (BOCHS_MOST_MEMORY, size))
        return size


def name_modules(machine, folder):
    """A machine with a config as one without: its modules under their names in `folder`."""
    if not machine.config:
        return machine
    place = os.path.join(folder, "modules")
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    modules = []
    for path, name in [(machine.config, "plinth.toml"), *machine.modules]:
        named = os.path.join(place, name)
        if os.path.exists(named):
            raise Problem("two modules have the name '%s'" % name)
        link_or_copy(path, named)
        modules.append((named, name))
    return dataclasses.replace(machine, config="", modules=modules)


# The boot image -----------------------------------------------------------------------------------

def quote(word):
    """A word as GRUB's shell reads it back."""
    if re.fullmatch(r"[A-Za-z0-9_./,:=@%+-]+", word):
        return word
    return "'" + word.replace("'", "'\\''") + "'"


def quote_words(text):
    return "".join(" " + quote(word) for word in text.split())


def file_kind(path):
    """What boots this file: "linux" for a bzImage, else "multiboot"."""
    with open(path, "rb") as f:
        head = f.read(0x206)
    return "linux" if head[0x202:0x206] == b"HdrS" else "multiboot"


def grub_entry(machine, names):
    lines = []
    if not machine.direct:
        if machine.madt:
            lines.append("acpi --exclude=APIC /boot/madt.aml")
        lines.append("multiboot2 /boot/plinth.elf" + quote_words(machine.plinth_words()))
        lines += ["module2 " + name + quote_words(words)
                  for name, (_, words) in zip(names, machine.modules)]
    else:
        loader, module = {"linux": ("linux", "initrd"), "multiboot": ("multiboot", "module")}[
            file_kind(machine.modules[0][0])]
        lines.append(loader + " " + names[0] + quote_words(machine.modules[0][1]))
        lines += [module + " " + name + ("" if loader == "linux" else quote_words(words))
                  for name, (_, words) in list(zip(names, machine.modules))[1:]]
    return "".join("\t" + line + "\n" for line in lines)


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:  # another file system, or not our own file
        shutil.copy(source, target)


def write_iso(machine, path, everywhere=False):
    """Makes a bootable image; `everywhere`: for BIOS and UEFI, CD and stick, else small and for BIOS."""
    with tempfile.TemporaryDirectory(prefix="iso-", dir=BUILD) as folder:
        boot = os.path.join(folder, "boot")
        os.makedirs(os.path.join(boot, "grub"))
        names = []
        for number, (module, _) in enumerate(machine.modules):
            names.append("/boot/%d-%s" % (number, os.path.basename(module)))
            link_or_copy(module, folder + names[-1])
        if not machine.direct:
            link_or_copy(machine.image, os.path.join(boot, "plinth.elf"))
        if machine.madt:
            link_or_copy(machine.madt, os.path.join(boot, "madt.aml"))
        with open(os.path.join(TOP, "boot", "grub.cfg"), encoding="utf-8") as f:
            config = f.read()
        config = config.replace("@TIMEOUT@", "0")
        config = config.replace("@ENTRY@\n", grub_entry(machine, names))
        with open(os.path.join(boot, "grub", "grub.cfg"), "w", encoding="utf-8") as f:
            f.write(config)
        command = ["grub-mkrescue", "-o", path]
        if not everywhere:
            command += ["-d", "/usr/lib/grub/i386-pc", "--fonts=", "--locales=", "--themes=",
                        "--install-modules=normal multiboot multiboot2 linux serial acpi"]
        command.append(folder)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise Problem("grub-mkrescue failed:\n" + done.stdout)


# QEMU ---------------------------------------------------------------------------------------------

KVM_CREATE_VM = 0xAE01
KVM_GET_SUPPORTED_CPUID = 0xC008AE05


def kvm_trouble():
    """Why KVM cannot be used for running a hypervisor in it, in words; None: it can."""
    if not os.path.exists("/dev/kvm"):
        return "there is no /dev/kvm here"
    try:
        kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return "/dev/kvm does not open (%s)" % error.strerror
    try:
        os.close(fcntl.ioctl(kvm, KVM_CREATE_VM, 0))
        # struct kvm_cpuid2: a count, padding, and so many entries of 40 bytes.
        room = 256
        table = bytearray(struct.pack("II", room, 0) + bytes(40 * room))
        fcntl.ioctl(kvm, KVM_GET_SUPPORTED_CPUID, table)
    except OSError as error:
        return "/dev/kvm is there but does not work (%s)" % error.strerror
    finally:
        os.close(kvm)
    for number in range(struct.unpack_from("I", table)[0]):
        leaf, _, _, _, _, ecx, _ = struct.unpack_from("7I", table, 8 + 40 * number)
        if (leaf == 1 and ecx & 1 << 5) or (leaf == 0x80000001 and ecx & 1 << 2):
            return None
    return "KVM here offers no nested VMX or SVM"


def choose_accel(wish, tell):
    """ACCEL as the user gave it, or the better one; says in one line why it is not KVM."""
    if wish not in ("", "kvm", "tcg"):
        raise Problem("ACCEL is '%s': it may be kvm or tcg" % wish)
    if wish == "tcg":
        return "tcg"
    trouble = kvm_trouble()
    if trouble is None:
        return "kvm"
    if wish == "kvm":
        raise Problem("ACCEL=kvm is not possible: %s" % trouble)
    if os.path.exists("/dev/kvm"):
        tell("%s: taking QEMU's TCG, which is slower but has SVM" % trouble)
    return "tcg"


def qemu_command(machine, image, serial):
    cpu = machine.cpu_model or ("host" if machine.accel == "kvm" else "EPYC,+svm,+npt")
    accel = machine.accel
    if accel == "tcg" and machine.cpus > 1 and not machine.count:
        # By default on one thread: on several, a CPU loses bits of its state (docs/6-pitfalls.md).
        if machine.threads not in ("single", "multi"):
            raise Problem("TCG_THREADS is '%s': it may be single or multi" % machine.threads)
        accel += ",thread=" + machine.threads
    command = ["qemu-system-x86_64", "-machine", "pc", "-accel", accel, "-cpu", cpu,
               "-smp", str(machine.cpus), "-m", "%dM" % machine.megabytes(),
               "-display", "none", "-nic", "none", "-no-user-config"]
    if machine.spare:
        command += ["-machine", "hpet=off", "-nodefaults", "-vga", "none"]
    if not machine.restarts:
        command.append("-no-reboot")
    if machine.count:
        command += ["-icount", "shift=%d,sleep=off" % machine.shift, "-rtc", "base=2024-01-01T00:00:00,clock=vm",
                    "-seed", "1"]
    if machine.direct:
        command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    if machine.firmware:
        command += ["-bios", machine.firmware]
    command += serial + (["-serial", "null"] if machine.spare else []) + machine.extra
    if machine.boot == "disk":
        return command  # `extra` says which
    if image:
        return command + ["-cdrom", image]
    first, *others = machine.modules if machine.direct else [
        (machine.image, machine.plinth_words())] + machine.modules
    command += ["-kernel", first[0], "-append", first[1]]
    if others:
        # In QEMU's list a comma is doubled.
        command += ["-initrd", ",".join((path if machine.direct else path + " " + words)
                                        .replace(",", ",,") for path, words in others)]
    return command


# Bochs --------------------------------------------------------------------------------------------

BOCHSRC = """\
config_interface: textconfig
display_library: rfb, options="timeout=0"
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
cpu: model={cpu}, count={cpus}, ips={ips}, reset_on_triple_fault=0, ignore_bad_msrs={ignore_msrs}
memory: guest={memory}, host={memory}
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={image}, status=inserted
boot: cdrom
clock: {clock}
{serial}plugin_ctrl: iodebug=1
sound: driver=dummy
speaker: enabled=0
log: {folder}/bochs.log
panic: action=fatal
"""


def repeatable_library(folder):
    """Bochs seeds its RDRAND from the clock; a library put before libc takes that away."""
    library = os.path.join(folder, "srand.so")
    if not os.path.exists(library):
        source = os.path.join(TOP, "tools", "srand.c")
        new = "%s.%d" % (library, os.getpid())
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-o", new, source], check=True)
        os.rename(new, library)
    return library


def bochs_client(port):
    """A serial port that Bochs connects to this TCP port of ours: it waits for nobody then."""
    return "mode=socket-client, dev=127.0.0.1:%d" % port


def bochs_command(machine, image, serial, folder):
    """Writes the files that Bochs reads into `folder`; returns its command line.

    `serial` says for COM1 and those after it where they lead.
    """
    # Counting: many instructions a second mean few timer ticks an instruction, as on real machines.
    # A person: the clock waits for the wall's, and 50 million a second are what a plain PC manages.
    # With fewer, Linux guests boot later: more of their instructions go to timer ticks.
    ips, clock = 20000000, "sync=none, time0=946684800"
    if machine.count:
        ips = 1000000000
    elif machine.realtime:
        ips, clock = 50000000, "sync=slowdown, time0=utc"
    # Linux alone reads MSRs that Bochs does not have, early; Plinth is to see what a real CPU does.
    ports = "".join("com%d: enabled=1, %s\n" % (i + 1, where) for i, where in enumerate(serial))
    text = BOCHSRC.format(cpu=machine.cpu_model or "corei7_skylake_x", cpus=machine.cpus, ips=ips,
                          memory=machine.megabytes(), image=image, clock=clock, serial=ports,
                          folder=folder, ignore_msrs=int(machine.direct))
    with open(os.path.join(folder, "bochsrc"), "w", encoding="utf-8") as f:
        f.write(text + "".join(line + "\n" for line in machine.extra))
    with open(os.path.join(folder, "rc"), "w", encoding="utf-8") as f:
        f.write("c\nq\n")
    return ["bochs-bin", "-q", "-f", os.path.join(folder, "bochsrc"),
            "-rc", os.path.join(folder, "rc")]


def bochs_environment(machine):
    environment = dict(os.environ)
    if machine.count:
        environment["LD_PRELOAD"] = repeatable_library(BUILD)
    return environment


# Running ------------------------------------------------------------------------------------------

def die_with_parent():
    """In the child: no emulator outlives the program that started it, however that one ended."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def start(command, **options):
    """Starts an emulator in a process group of its own."""
    if not shutil.which(command[0]):
        raise Problem("%s is not installed: see tools/packages" % command[0])
    # pylint: disable=consider-using-with
    return subprocess.Popen(command, start_new_session=True, preexec_fn=die_with_parent, **options)


def stop(process):
    """Ends an emulator and all that it started, at once."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


@dataclasses.dataclass
class Result:
    output: str  # what came on COM1
    ended: str  # how the guest ended, as Plinth says in its last line; "" when there is no such line
    status: int  # the guest's status from that line; without Plinth: the emulator's own
    timed_out: bool
    seconds: float
    emulator_says: str


def run(machine, folder, timeout, until=None):
    """Runs a machine to its end, or for `timeout` seconds, or until COM1 shows the pattern `until`.

    Everything is written into `folder`: serial.log, the emulator's messages, and the boot image.
    """
    os.makedirs(folder, exist_ok=True)
    log = os.path.join(folder, "serial.log")
    open(log, "wb").close()
    machine = name_modules(machine, folder)
    image = ""
    if machine.boot == "iso" or machine.emulator == "bochs":
        image = os.path.join(folder, "boot.iso")
        write_iso(machine, image)
    if machine.emulator == "qemu":
        command = qemu_command(machine, image, ["-serial", "file:" + log, "-monitor", "none"])
        environment = None
    else:
        command = bochs_command(machine, image, ["mode=file, dev=" + log], folder)
        environment = bochs_environment(machine)
    began = time.monotonic()
    with open(os.path.join(folder, "emulator.log"), "wb") as out:
        out.write((" ".join(command) + "\n").encode())
        out.flush()
        process = start(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)
        timed_out = not wait(process, log, began + timeout, until)
        code = process.returncode
    if image:
        os.unlink(image)
    return result(machine, folder, code, timed_out, time.monotonic() - began)


def wait(process, log, deadline, until):
    """Waits for the end of an emulator; False: the deadline came first."""
    pattern = re.compile(until) if until else None
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                return False
            if pattern:
                with open(log, "rb") as f:
                    if pattern.search(f.read()):
                        return True
            time.sleep(0.05)
        return True
    finally:
        stop(process)


def result(machine, folder, code, timed_out, seconds):
    with open(os.path.join(folder, "serial.log"), "rb") as f:
        raw = f.read()
    with open(os.path.join(folder, "emulator.log"), "rb") as f:
        says = re.sub(r".*warning: TCG doesn't support requested feature.*\n", "",
                      f.read().decode("utf-8", "replace"))
    ended = ENDED.findall(raw)
    how, status = "", code
    if ended:
        how, status = ended[-1][0].decode("utf-8", "replace"), int(ended[-1][1])
    elif machine.direct and machine.emulator == "qemu" and code % 2 == 1:
        # isa-debug-exit ends QEMU with twice the status, plus one.
        status = (code - 1) // 2
    elif machine.direct and "ACPI control: soft power off" in says:
        status = 0
    return Result(raw.decode("utf-8", "replace").replace("\r", ""), how, status, timed_out, seconds,
                  says)
