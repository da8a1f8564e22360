/* SPDX-License-Identifier: MIT */
/*
 * What a user wants, as plinth.toml says it: one [host] table, and one [vm.NAME] table a guest.
 * docs/configuration.md has every key; config_keys.c is the same table for the machine.
 *
 * All of this is pure, and allocates nothing: Plinth, plinth-check and the shell's `create` (whose
 * snippet is a small file) use the same functions.
 */
#ifndef VMM_CONFIG_CONFIG_H
#define VMM_CONFIG_CONFIG_H

#include "lib/log.h"
#include "vmm/config/toml.h"

enum {
	CONFIG_VMS = 64,
	CONFIG_NAME = 32,   /* bytes of a guest's name, terminator included */
	CONFIG_MODULE = 64, /* of a module's name */
	CONFIG_CMDLINE = 2048,
	CONFIG_CPUS = 64, /* virtual ones of a guest, and physical ones of the machine */
	CONFIG_WEIGHT_MAX = 10000,
	CONFIG_WEIGHT = 100, /* where nothing is said */
	CONFIG_CAP_MAX = 100 * CONFIG_CPUS,
	CONFIG_CONSOLES = 4,
	CONFIG_CONSOLE = 32, /* bytes of "com1,115200" */
	CONFIG_ERRORS = 20,  /* that are told of one file */
	CONFIG_ERROR_TEXT = 512,
	CONFIG_NODES = 1024, /* keys and tables of one file: every key of 64 guests, and some */
	CONFIG_KEYS = 24,    /* of one table */
	CONFIG_TEXT_MAX = 256 * 1024,
};

#define CONFIG_MEMORY_UNIT (2 * MIB)
#define CONFIG_MEMORY_MIN  (4 * MIB)

enum config_boot { CONFIG_BOOT_AUTO, CONFIG_BOOT_LINUX, CONFIG_BOOT_MULTIBOOT };

/*
 * What follows the end of a guest: it stays, stopped; starts anew; is gone, with its memory; or its
 * end counts as the last guest's.
 */
enum config_action { CONFIG_STOP, CONFIG_RESTART, CONFIG_DESTROY, CONFIG_END };

/* What the machine does when the last guest has ended. */
enum config_last_end { CONFIG_END_POWEROFF, CONFIG_END_SHELL, CONFIG_END_REBOOT };

struct vm_config {
	char name[CONFIG_NAME];
	uint64_t memory;       /* bytes */
	const uint8_t *kernel; /* host virtual */
	uint64_t kernel_size;
	const uint8_t *initrd; /* NULL: none */
	uint64_t initrd_size;
	char cmdline[CONFIG_CMDLINE];
	uint64_t boot_time; /* seconds since 1970 when Plinth's own clock was 0 */
	bool end_on_reset;  /* a reset ends the VM instead of starting it again */
	bool debug_ports;   /* 0xE9 and 0xF4, as QEMU has them */

	bool autostart;
	char kernel_name[CONFIG_MODULE]; /* of the modules that kernel and initrd are */
	char initrd_name[CONFIG_MODULE]; /* "": none */
	unsigned cpus;			 /* virtual */
	unsigned weight;		 /* of each of its vCPUs: 1 to CONFIG_WEIGHT_MAX */
	unsigned cap;  /* of all of them together, in percent of one physical CPU; 0: none */
	uint64_t pin;  /* the physical CPUs that they may run on, bit by bit; 0: all */
	unsigned boot; /* enum config_boot */
	unsigned on_poweroff, on_reboot, on_crash; /* enum config_action */
};

struct host_config {
	char consoles[CONFIG_CONSOLES][CONFIG_CONSOLE]; /* as console= takes them */
	unsigned console_count;				/* 0: the file says nothing of them */
	unsigned log_level;				/* enum log_level */
	unsigned when_last_ends;			/* enum config_last_end */
};

/* Where a table begins, and each of its keys, by their number in config_keys.c; line 0: nowhere. */
struct config_places {
	struct config_place {
		uint32_t line, column;
	} table, keys[CONFIG_KEYS];
};

struct config {
	struct host_config host;
	struct vm_config vms[CONFIG_VMS];
	unsigned vm_count;
	struct config_places host_places, vm_places[CONFIG_VMS];
	struct toml_node nodes[CONFIG_NODES]; /* while the file is read */
};

struct config_error {
	const char *file;
	struct config_place place;
	const char *text;
};

/* Who hears of the errors; the count is of all, also of those beyond CONFIG_ERRORS. */
struct config_sink {
	void (*report)(void *ctx, const struct config_error *e);
	void *ctx;
	const char *file;
	unsigned count;
};

/* Both make a table as an empty one in a file says: the defaults. */
void config_default_host(struct host_config *h);
void config_default_vm(struct vm_config *vm);

/*
 * Reads n bytes of text into c, which is filled whichever way it ends. 0; -EINVAL with at least one
 * error told: then c holds what was right.
 */
must_check int config_parse(const char *text, size_t n, struct config *c, struct config_sink *sink);

/* The machine that a config is to run on, as far as it is known. */
struct config_machine {
	uint64_t memory;	    /* for guests, in bytes; 0: not known */
	uint64_t cpus;		    /* a bit each; 0: not known */
	const char *const *modules; /* NULL: not known */
	unsigned module_count;
};

/* Whether the machine can carry it, before anything is started. 0, or -EINVAL with errors told. */
must_check int config_check(const struct config *c, const struct config_machine *m,
			    struct config_sink *sink);

/* The guest of this name, or NULL. */
struct vm_config *config_find(struct config *c, const char *name);

/* Writes the config as a file with every key in it, in one form; write gets it piece by piece. */
struct config_writer {
	void (*write)(void *ctx, const char *text, size_t n);
	void *ctx;
};

void config_print(const struct config *c, const struct config_writer *w);

/* For whoever makes a config without a file: whether name may be a guest's; else why not. */
bool config_is_name(const char *name, const char **why);

#endif
