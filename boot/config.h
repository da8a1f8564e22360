/* SPDX-License-Identifier: MIT */
/*
 * From boot modules to what is to run. A config is the first module whose name ends in ".toml".
 * Without one, the first module is the kernel of one guest, and the second its initrd.
 */
#ifndef BOOT_CONFIG_H
#define BOOT_CONFIG_H

#include "boot/boot_info.h"
#include "boot/options.h"
#include "vmm/config/config.h"

/*
 * The machine's own [host] table, as soon as the loader's words are read: what is wrong in the
 * file is told later, by boot_config_make(). The defaults where there is no config. What the
 * command line says as well is left as that says it.
 */
void boot_config_read_host(const struct boot_info *info, struct options *o);

/*
 * All guests, each checked against the machine, with its kernel and initrd found and its clock set.
 * NULL: an error, told. The same object each time.
 */
must_check struct config *boot_config_make(const struct boot_info *info, const struct options *o);

/*
 * A text with guests, as the shell's `create` has it, into a config of the caller's: read, checked
 * against the machine as it is now, modules found. 0, or -EINVAL with the errors told to sink.
 */
struct config_text {
	const char *at;
	size_t size;
};

must_check int boot_config_read(const struct boot_info *info, const struct options *o,
				const struct config_text *text, struct config *c,
				struct config_sink *sink);

/* Bytes of memory that guests may have now: what is free, but for what Plinth keeps. */
uint64_t boot_config_guest_memory(void);

#endif
