/* SPDX-License-Identifier: MIT */
/* Plinth's own command line: words, each a name or name=value. */
#ifndef BOOT_OPTIONS_H
#define BOOT_OPTIONS_H

#include "lib/types.h"

struct options {
	uint64_t memory;      /* mem=256M: the guest's; 0: most of what there is */
	unsigned cpus;	      /* cpus=2: the guest's vCPUs, 1 to VM_VCPUS */
	bool debug_ports;     /* debug-ports: the guest gets 0xE9 and 0xF4 */
	bool end_on_reset;    /* reset=end: a guest's reset ends it */
	char consoles[4][32]; /* console=com1,115200, maybe several times */
	unsigned console_count;
	char control[32];   /* control=none|com2; "": com2 where there is one */
	char exit[16];	    /* exit=acpi|bochs|PORT */
	char crash[16];	    /* crash=KIND: Plinth faults on purpose, see crash.c */
	unsigned log_level; /* log=quiet|info|debug: enum log_level */
	bool log_given;	    /* so that a config's [host] does not say it */
};

/* The defaults, then what line says. 0; or -EINVAL, with each word that is wrong logged. */
must_check int options_parse(const char *line, struct options *o);

#endif
