/* SPDX-License-Identifier: MIT */
/* THE list of command tables, in the order in which "help" shows them. */
#include "boot/commands.h"

#include "boot/guest.h"

#include "core/cpus.h"
#include "core/log.h"
#include "core/pmem.h"
#include "drivers/end.h"
#include "vmm/life.h"
#include "vmm/top.h"
#include "vmm/vconsole.h"
#include "vmm/vms.h"

const struct shell_table *const commands[] = {
	&vms_commands,	&top_commands,	&life_commands, &guest_commands, &vconsole_commands,
	&cpus_commands, &pmem_commands, &log_commands,	&end_commands,	 NULL,
};
