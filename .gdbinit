# SPDX-License-Identifier: MIT
# Commands for debugging Plinth: `make gdb` reads this file; `help user-defined` lists them.
set confirm off
set pagination off
set print pretty on
set print array-indexes on
set disassembly-flavor intel

define plinth-start
  # The CPU is at its reset vector; GRUB or QEMU's loader comes first.
  hbreak *boot_start32
  continue
  delete
  echo Plinth's first instruction. `help user-defined` lists what this gdb knows of Plinth.\n
end
document plinth-start
Runs the firmware and the boot loader, and stops at Plinth's first instruction.
end

python
import gdb


def evaluate(text):
    return gdb.parse_and_eval(text)


def name_of(value, kind, shift=0):
    """The enum constant of a number, such as RAX."""
    for field in gdb.lookup_type("enum " + kind).fields():
        if field.enumval == value:
            return field.name[shift:]
    return str(value)


def each_cpu():
    for number in range(int(evaluate("cpu_count"))):
        cpu = evaluate("cpus[%d]" % number)
        if int(cpu):
            yield cpu.dereference()


def each_in(head, type_name, member):
    """The structs that a struct list head links through `member`."""
    kind = gdb.lookup_type(type_name)
    offset = next(f.bitpos // 8 for f in kind.fields() if f.name == member)
    node = head["next"]
    while node != head.address:
        yield (node.cast(gdb.lookup_type("char").pointer()) - offset).cast(
            kind.pointer()).dereference()
        node = node["next"]


def text(value):
    return value.string(errors="replace")


def current_vcpu():
    for cpu in each_cpu():
        if int(cpu["loaded"]):
            return cpu["loaded"]
    raise gdb.GdbError("no CPU has a guest's registers loaded now")


class Command(gdb.Command):
    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_USER)

    def invoke(self, argument, _):
        try:
            self.run(argument)
        except gdb.error as error:
            raise gdb.GdbError("%s (is Plinth already so far?)" % error) from None


class Cpus(Command):
    """The per-CPU data of all CPUs, in short; `plinth-cpus N`: all of CPU N's."""
    name = "plinth-cpus"

    def run(self, argument):
        if argument:
            gdb.execute("print *cpus[%d]" % int(argument))
            return
        for cpu in each_cpu():
            thread = cpu["thread"]
            print("CPU %d  APIC ID %d  runs %s%s" % (
                int(cpu["id"]), int(cpu["apic_id"]),
                text(thread["name"]) if int(thread) else "nothing yet",
                "  holds a guest's registers" if int(cpu["loaded"]) else ""))


class Threads(Command):
    """The threads that run or are ready, CPU by CPU, and where those that do not run will go on."""
    name = "plinth-threads"

    def run(self, _):
        for cpu in each_cpu():
            seen = {}
            for thread in [cpu["thread"].dereference(), cpu["idle"].dereference(),
                           *each_in(gdb.parse_and_eval("sched.q[%d].ready" % int(cpu["id"])),
                                    "struct thread", "link")]:
                seen[int(thread.address)] = thread
            for address, thread in seen.items():
                print("0x%x  CPU %d  %-16s %s%s" % (
                    address, int(cpu["id"]), text(thread["name"]),
                    name_of(int(thread["state"]), "thread_state", len("THREAD_")).lower(),
                    "" if address == int(cpu["thread"]) else "  rsp 0x%x" % int(thread["rsp"])))


class Guest(Command):
    """The current guest's registers and its last exit."""
    name = "plinth-guest"

    def run(self, _):
        hw = current_vcpu()
        for number in range(16):
            print("%-3s %016x" % (name_of(number, "gpr").lower(), int(hw["gpr"][number])),
                  end="\n" if number % 4 == 3 else "  ")
        print("rip %016x  rflags %08x  the last exit: %s" % (
            int(hw["rip"]), int(hw["rflags"]),
            name_of(int(hw["exit"]["kind"]) % 32, "vm_exit_kind", len("EXIT_"))))
        print("raw words of the exit: " + " ".join(
            "0x%x" % int(hw["exit"]["raw"][i]) for i in range(4)))


class Control(Command):
    """The current guest's VMCB. A VMCS has no layout that may be read: Plinth itself dumps it."""
    name = "plinth-control"

    def run(self, _):
        hw = current_vcpu()
        if text(evaluate("virt")["name"]) == "SVM":
            vmcb = hw["control"].cast(gdb.lookup_type("struct vmcb").pointer()).dereference()
            for part in vmcb.type.fields():
                for field in vmcb[part.name].type.fields():
                    if not field.name.startswith("reserved"):
                        print("%s.%-24s %s" % (part.name, field.name, vmcb[part.name][
                            field.name].format_string(format="x", pretty_structs=False)))
            return
        print("Plinth writes it to its log (COM1):")
        gdb.execute("call virt->dump((struct virt_vcpu *)%d)" % int(hw))


class Vm(Command):
    """The virtual machine: its configuration, exits by kind, and the devices' state (all of it long)."""
    name = "plinth-vm"

    def run(self, argument):
        vcpu = current_vcpu().cast(gdb.lookup_type("struct vcpu").pointer())
        if argument:
            print(vcpu["vm"][argument])
            return
        print("%s, %d MiB, command line '%s'" % (
            text(vcpu["vm"]["config"]["name"]), int(vcpu["vm"]["config"]["memory"]) >> 20,
            text(vcpu["vm"]["config"]["cmdline"])))
        for field in gdb.lookup_type("enum vm_exit_kind").fields():
            if field.name != "EXIT_KINDS" and int(vcpu["counts"][field.enumval]):
                print("%-12s %d" % (field.name[len("EXIT_"):],
                                    int(vcpu["counts"][field.enumval])))
        print("`plinth-vm vpic` prints one member of struct vm, and so on.")


class GuestSymbols(Command):
    """`plinth-guest-symbols FILE`: adds a guest kernel's symbols (its vmlinux)."""
    name = "plinth-guest-symbols"

    def run(self, argument):
        gdb.execute("add-symbol-file " + argument)


for kind in (Cpus, Threads, Guest, Control, Vm, GuestSymbols):
    kind()
end
