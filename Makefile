# SPDX-License-Identifier: MIT
# Builds build/plinth.elf from all sources under boot lib arch core drivers vmm; `make help` lists
# the commands. Packages that are missing are installed before anything else (tools/packages).

B := build
GOALS := $(or $(MAKECMDGOALS),all)
TOPICS := boot lib arch core drivers vmm

V ?= 0
Q := $(if $(filter 0,$(V)),@)
say = $(if $(filter 0,$(V)),@printf '  %-7s %s\n' $(1) $(2))

# What the machine of `make run` is; each may be given on the command line (`make help`).
export EMU ?= qemu
export ACCEL KERNEL INITRD CMDLINE CPUS VCPUS MEM MACHINE_MEM PLINTH COUNT DIRECT BOOT CONFIG MODULES DEMO TCG_THREADS

# Each goal needs the packages of some purposes (the second column of tools/packages). The check is
# made while this file is read, so that it comes before the first compiler call, also with -j.
PURPOSES := build
PURPOSES += $(if $(filter run iso gdb linux memtest,$(GOALS)),run $(EMU))
PURPOSES += $(if $(filter gdb,$(GOALS)),gdb)
PURPOSES += $(if $(filter plinth-check,$(GOALS))$(CONFIG)$(DEMO),check)
PURPOSES += $(if $(filter iso test test-all,$(GOALS)),iso)
PURPOSES += $(if $(filter test test-all bench guests,$(GOALS)),run qemu bochs gdb test)
PURPOSES += $(if $(filter format,$(GOALS)),test)
ifneq ($(filter-out clean help,$(GOALS)),)
ifneq ($(PLINTH_PACKAGES),ok)
ifneq ($(shell tools/install $(PURPOSES) >&2 && echo ok),ok)
$(error packages are missing: see above)
endif
export PLINTH_PACKAGES := ok
endif
endif

CC := gcc
LD := ld
CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -Wall -Wextra -Werror -Wshadow \
	-Wundef -Wmissing-prototypes -Wstrict-prototypes -Wvla -fno-common -mno-red-zone \
	-mgeneral-regs-only -mcmodel=kernel -fstack-protector-strong \
	-mstack-protector-guard=global -fno-asynchronous-unwind-tables
CPPFLAGS := -I. -I$(B)
ASFLAGS := -g -D__ASSEMBLER__ -Wa,--noexecstack
LDFLAGS := -z max-page-size=4096 -z noexecstack --fatal-warnings -T linker.ld

OFFSETS_C := arch/x86_64/asm_offsets.c
SOURCES := $(sort $(shell find $(TOPICS) -name '*.c' -o -name '*.S'))
SOURCES := $(filter-out $(OFFSETS_C),$(SOURCES))
OBJECTS := $(addprefix $(B)/,$(addsuffix .o,$(SOURCES)))
TABLES := $(patsubst %.asl,$(B)/%.aml.h,$(sort $(shell find vmm -name '*.asl')))
OFFSETS := $(if $(wildcard $(OFFSETS_C)),$(B)/asm_offsets.h)

all: $(B)/plinth.elf ## build build/plinth.elf (no argument does this too)
generated: $(TABLES) $(OFFSETS)

# Objects ----------------------------------------------------------------------------------------
# The full name stays in the object's (x.c.o), so that a .c and a .S may share a stem.
$(OBJECTS): Makefile | $(TABLES) $(OFFSETS)

$(B)/%.c.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c $< -o $@

$(B)/%.S.o: %.S
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ASFLAGS) -MMD -MP -c $< -o $@

# Entering a guest destroys the registers; virt_run()'s caller knows, so nothing is saved for it.
RUN_OBJECTS := $(patsubst %,$(B)/arch/x86_64/virt/%/run.c.o,vmx svm)
$(RUN_OBJECTS): CFLAGS += $(addprefix -fcall-used-,rbx r12 r13 r14 r15)

# Numbers that assembly needs of C's structs: asm_offsets.c compiles to lines `"->NAME 42"`.
$(B)/asm_offsets.h: $(OFFSETS_C) Makefile | $(TABLES)
	$(call say,OFFSETS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) -MMD -MP -MT $@ -MF $(B)/asm_offsets.d -S $< -o $(B)/asm_offsets.s
	$(Q)sed -n 's/.*"->\([A-Za-z0-9_]*\) \$$\{0,1\}\(-\{0,1\}[0-9]*\)".*/#define \1 \2/p' \
		$(B)/asm_offsets.s > $@.new
	$(Q)test -s $@.new && mv $@.new $@

# A table in ACPI's language becomes a C array: dsdt.asl → "vmm/acpi/dsdt.aml.h", dsdt_aml_code[].
$(B)/%.aml.h: %.asl Makefile
	$(call say,IASL,$<)
	@mkdir -p $(@D)
	$(Q)iasl -we -vs -p $(B)/$* $< > $(B)/$*.iasl.log 2>&1 || { cat $(B)/$*.iasl.log; exit 1; }
	$(Q){ echo 'static const unsigned char $(*F)_aml_code[] = {'; \
		od -An -v -tx1 $(B)/$*.aml | sed 's/ \(..\)/ 0x\1,/g'; echo '};'; } > $@

# Link -------------------------------------------------------------------------------------------
# Twice: the first image's function addresses make the symbol table of the second. linker.ld puts
# the table behind all code, so the code does not move; that is checked, and so is W^X.
$(B)/sources.list: FORCE
	@mkdir -p $(@D)
	@echo '$(SOURCES)' | cmp -s - $@ || echo '$(SOURCES)' > $@

$(B)/symbols-none.S: tools/symtab Makefile
	@mkdir -p $(@D)
	$(Q)tools/symtab < /dev/null > $@

$(B)/plinth-1.elf: $(OBJECTS) $(B)/symbols-none.S.o $(B)/sources.list linker.ld
	$(call say,LD,$@)
	$(Q)$(LD) $(LDFLAGS) $(OBJECTS) $(B)/symbols-none.S.o -o $@

$(B)/symbols-all.S: $(B)/plinth-1.elf
	$(call say,SYMTAB,$@)
	$(Q)nm -n $< | tools/symtab > $@

$(B)/symbols-%.S.o: $(B)/symbols-%.S
	$(Q)$(CC) $(CPPFLAGS) $(ASFLAGS) -c $< -o $@

$(B)/plinth.elf: $(B)/plinth-1.elf $(B)/symbols-all.S.o tools/check-image
	$(call say,LD,$@)
	$(Q)new=$@.$$$$; trap 'rm -f $$new' EXIT; \
		$(LD) $(LDFLAGS) $(OBJECTS) $(B)/symbols-all.S.o -Map $(B)/plinth.map -o $$new && \
		tools/check-image $$new $(B)/symbols-all.S && mv $$new $@

# Guests and images ------------------------------------------------------------------------------
$(B)/ticks: guests/ticks/ticks.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -Os -Wall -Wextra -Werror -ffreestanding -nostdlib -static -fno-pic -no-pie \
		-fno-stack-protector -fcf-protection=none -s $< -o $@

$(B)/initrd.cpio.gz: tools/initrd $(B)/ticks $(wildcard guests/busybox/*)
	$(call say,INITRD,$@)
	$(Q)tools/initrd $@ $(B)/ticks

# A program for people's own desks, from the sources that Plinth itself reads configs with.
CHECK_SOURCES := tools/plinth-check/main.c $(sort $(wildcard vmm/config/*.c)) lib/utf8.c lib/str.c lib/printf.c
$(B)/plinth-check: $(CHECK_SOURCES) $(wildcard vmm/config/*.h) lib/utf8.h Makefile
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wshadow -I. $(CHECK_SOURCES) -o $@
plinth-check: $(B)/plinth-check ## build build/plinth-check, which tests a plinth.toml

linux: ## fetch Debian's kernels into build/linux/
	$(Q)tools/fetch linux-cloud linux-generic
memtest: ## fetch Debian's memtest86+ into build/linux/
	$(Q)tools/fetch memtest
guests: ## build the tiny test guests into build/guest/
	$(Q)$(MAKE) -s --no-print-directory -C tests/guest

# Commands ---------------------------------------------------------------------------------------
NEEDS := $(if $(DIRECT),,$(B)/plinth.elf) $(if $(INITRD)$(KERNEL),,$(B)/initrd.cpio.gz) $(if $(CONFIG)$(DEMO),$(B)/plinth-check)

run: $(NEEDS) ## start Plinth in an emulator with a Linux guest; the guest's shell is on this terminal
	@tools/run
iso: $(NEEDS) ## make build/plinth.iso: boots from CD and USB stick, BIOS and UEFI
	$(Q)tools/run --iso $(B)/plinth.iso
gdb: $(NEEDS) ## QEMU stopped at Plinth's entry, gdb attached
	@tools/run --gdb
TESTED := all generated guests linux memtest plinth-check $(B)/initrd.cpio.gz
test: $(TESTED) ## every test but the longest (T=name: those that have it in their name)
	@tests/run $(T)
test-all: $(TESTED) ## the longest tests, too
	@tests/run -a
bench: all guests linux $(B)/initrd.cpio.gz ## what an exit costs, in instructions, on both emulators; checked against budgets
	@tools/bench
format: ## apply .clang-format to all sources
	$(Q)find $(TOPICS) tests guests tools -name '*.[ch]' | xargs clang-format -i
clean: ## remove build/ but keep what was fetched (clean-all: everything)
	$(Q)test ! -d $(B) || find $(B) -mindepth 1 -maxdepth 1 ! -name linux -exec rm -rf {} +
clean-all:
	$(Q)rm -rf $(B)
help: ## this text
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | \
		while IFS='|' read -r a b; do printf '%-16s %s\n' "$$a" "$$b"; done
	@cat tools/help

FORCE:
.PHONY: all generated plinth-check linux memtest guests run iso gdb test test-all bench format clean clean-all help FORCE
.DELETE_ON_ERROR:
.SECONDARY:

-include $(OBJECTS:.o=.d) $(B)/asm_offsets.d
