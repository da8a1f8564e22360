/* SPDX-License-Identifier: MIT */
/*
 * Power-on to the guest's first instruction and back to power-off, in order: the one function to
 * read first. It stands above all layers, since it calls into each.
 */
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/features.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/trap.h"
#include "arch/x86_64/tsc.h"
#include "arch/x86_64/virt/virt.h"
#include "boot/boot_info.h"
#include "boot/commands.h"
#include "boot/config.h"
#include "boot/crash.h"
#include "boot/guest.h"
#include "boot/multiboot.h"
#include "boot/options.h"
#include "boot/smp.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/pmem.h"
#include "core/space.h"
#include "core/thread.h"
#include "core/timer.h"
#include "drivers/acpi.h"
#include "drivers/end.h"
#include "drivers/power.h"
#include "drivers/timeref.h"
#include "drivers/uart.h"
#include "drivers/vga.h"
#include "lib/errno.h"
#include "lib/panic.h"

static struct boot_info boot_info;
static struct options options;
static bool options_wrong;
static struct cpu cpu0;
static uint64_t tsc_at_entry;

/* The boot tables map the first 4 GiB. */
static const void *boot_at(uint64_t addr, uint64_t n)
{
	if (!addr || addr >= 4 * GIB || n > 4 * GIB - addr)
		return NULL;
	return (const void *)(DIRECT_BASE + addr);
}

/* What firmware's tables lie in is mapped in the direct map, if the boot map tells of it. */
static const void *firmware_at(uint64_t addr, uint64_t n)
{
	if (n && addr + n <= MIB && addr < MIB)
		return hpa_ptr(hpa(addr));
	for (unsigned i = 0; i < boot_info.region_count; i++) {
		const struct boot_region *r = &boot_info.regions[i];

		if (r->type != REGION_BAD && addr >= r->base && addr - r->base < r->size &&
		    n <= r->size - (addr - r->base))
			return space_is_mapped(hpa(addr), n) ? hpa_ptr(hpa(addr)) : NULL;
	}
	return NULL;
}

static void parse_loader(uint32_t magic, uint32_t info)
{
	int err;

	if (magic == MB2_BOOT_MAGIC)
		err = multiboot2_parse(info, boot_at, &boot_info);
	else if (magic == MB1_BOOT_MAGIC)
		err = multiboot1_parse(info, boot_at, &boot_info);
	else
		panic("boot: started with %#x in EAX, which is neither multiboot 1 (%#x) nor 2 "
		      "(%#x)",
		      magic, MB1_BOOT_MAGIC, MB2_BOOT_MAGIC);
	if (err)
		panic("boot: the %s information at %#x contradicts itself", boot_info.loader_kind,
		      info);
}

/* Without one that works it is com1, where there is that. */
static void init_consoles(void)
{
	bool any = false;

	for (unsigned i = 0; i < options.console_count; i++)
		if (uart_console_init(options.consoles[i]))
			log_warn("boot: console=%s: no such serial port, or one that was named "
				 "before",
				 options.consoles[i]);
		else
			any = true;
	if (!any && uart_console_init("com1"))
		log_debug("boot: no serial port com1");
}

/* The console comes first: whatever is wrong later can be said. */
static void init_options(void)
{
	options_wrong = options_parse(boot_info.cmdline, &options);
	boot_config_read_host(&boot_info, &options);
	init_consoles();
	log_set_level(options.log_level);
	if (end_configure(options.exit)) {
		log_error("options: \"exit=%s\" is wrong: acpi, bochs or a port number would be "
			  "right",
			  options.exit);
		options_wrong = true;
	}
	if (options.crash[0] && !crash_is_kind(options.crash)) {
		log_error("options: \"crash=%s\": there is no such kind (boot/crash.c has them)",
			  options.crash);
		options_wrong = true;
	}
	panic_set_end(end_failed);
}

static void init_memory(void)
{
	pmem_init(&boot_info);
	space_init(&boot_info);
	pmem_init_high(&boot_info);
	if (vga_console_init(boot_info.efi))
		log_debug("vga: no screen in text mode");
	log_info("memory: %lu MiB of RAM, %lu MiB free", pmem_total() / MIB, pmem_free() / MIB);
}

static void init_interrupts(void)
{
	static const struct lapic_vectors vectors = { .timer = IRQ_VECTOR_TIMER,
						      .error = IRQ_VECTOR_ERROR,
						      .spurious = IRQ_VECTOR_SPURIOUS };

	if (acpi_init(boot_info.rsdp, firmware_at))
		log_warn("boot: without ACPI tables; the machine's interrupt wiring is assumed to "
			 "be a plain PC's");
	irq_init();
	if (lapic_init(acpi_info.lapic, &vectors) || ioapic_init(&acpi_info.ioapic))
		end_failed();
	cpu0.apic_id = lapic_id();
}

static void init_time(void)
{
	if (tsc_calibrate(timeref_find(&acpi_info)) || lapic_timer_init())
		end_failed();
	timer_init_clock(tsc_host.hz, tsc_at_entry);
	timer_init_cpu(&cpu0);
	lapic_timer_init_cpu();
}

/* On a stack with a guard page, with threads: the rest of the boot, then the idle loop. */
static void start(void *unused)
{
	(void)unused;
	power_init(&acpi_info);
	uart_console_enable_irq();
	/* Refused only here, where a machine knows how to switch itself off. */
	if (options_wrong || virt_init())
		end_failed();
	smp_start(&boot_info);
	if (options.crash[0])
		crash(options.crash);
	if (terminal_start())
		log_warn("boot: no memory for the shell");
	control_start(&options);
	end_machine(guests_run(&boot_info, &options));
}

/* The boot stack has no guard page: the idle thread goes on on one that has. */
static _Noreturn void leave_boot_stack(void)
{
	void *top = stack_alloc();

	if (!top)
		panic("boot: no memory for the idle thread's stack");
	__asm__ volatile("movq %0, %%rsp\n\txorl %%ebp, %%ebp\n\tcall sched_idle"
			 :
			 : "r"(top)
			 : "memory");
	__builtin_unreachable();
}

static void init_cpu(void)
{
	cpus[cpu_count++] = &cpu0;
	cpu_load_tables(&cpu0);
	trap_init();
}

_Noreturn void boot_main(uint32_t magic, uint32_t info);
_Noreturn void boot_main(uint32_t magic, uint32_t info)
{
	tsc_at_entry = rdtsc();
	panic_set_canary(tsc_at_entry * 0x9e3779b97f4a7c15);
	init_cpu();
	parse_loader(magic, info);
	init_options();
	log_info("Plinth, started by %s (%s)", boot_info.loader, boot_info.loader_kind);
	if (features_init())
		end_failed();
	cpu_harden();
	fpu_init_cpu();
	init_memory();
	if (smp_alloc_stacks(&cpu0))
		panic("boot: no memory for the first CPU's exception stacks");
	init_interrupts();
	init_time();
	sched_init(&cpu0);
	if (!thread_create("main", start, NULL))
		panic("boot: no memory for the first thread");
	leave_boot_stack();
}
