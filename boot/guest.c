/* SPDX-License-Identifier: MIT */
/*
 * The guests that boot/config.c makes are created and started here; `create` makes further ones.
 * Then this waits until the last has ended.
 */
#include "boot/guest.h"
#include "boot/config.h"
#include "core/alloc.h"
#include "core/pmem.h"
#include "core/timer.h"
#include "drivers/console.h"
#include "drivers/end.h"
#include "drivers/power.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vmm/vm.h"
#include "vmm/vms.h"

enum { STATUS_FAILED = 0x7f };

_Static_assert((int)CONFIG_CPUS == (int)VM_VCPUS, "what a config may ask for can be had");

/* For `create`, which reads a config's text as the boot did. Constant once guests run. */
static struct {
	const struct boot_info *info;
	const struct options *options;
} boot;

/* What Plinth itself takes: the image, and all memory that is neither free nor the guest's. */
static void print_cost(const struct vm_config *c)
{
	extern const char image_load[], image_load_end[];
	uint64_t used = 0;

	for (enum mem_owner o = 0; o < MEM_OWNERS; o++)
		used += o == MEM_GUEST ? 0 : pmem_used(o);
	log_info("vm: %s starts with %lu MiB; %lu MiB are free", c->name, c->memory / MIB,
		 pmem_free() / MIB);
	log_info("plinth: image %lu KiB, %lu KiB of memory in use with one guest",
		 (image_load_end - image_load) / KIB, used / KIB);
	log_info("plinth: %lu TSC ticks from entry to the guest's first instruction",
		 time_tsc() - time_ns_to_tsc(0));
}

/*
 * Whatever the guest had must be back. Plinth's own page tables are left out: they keep what they
 * have grown to, since a CPU may have cached the way through them, and the next guest uses it
 * again.
 */
static void print_memory_after(const uint64_t before[MEM_OWNERS])
{
	bool all = true;

	for (enum mem_owner o = 0; o < MEM_OWNERS; o++) {
		if (pmem_used(o) == before[o] || o == MEM_SPACE)
			continue;
		all = false;
		log_error("memory: %s: %lu KiB in use before the guest, %lu KiB after it",
			  mem_owner_names[o], before[o] / KIB, pmem_used(o) / KIB);
	}
	if (all)
		log_info("memory: all that the guest had is free again");
}

/* The first that starts is shown on the terminal. */
static void show(const char *name)
{
	struct vm *vm = vm_find(name);

	if (!vm)
		return;
	vconsole_attach(LINE_TERMINAL, &vm->console, true);
	vm_put(vm);
}

static bool is_any_autostarted(const struct config *c)
{
	for (unsigned i = 0; i < c->vm_count; i++)
		if (c->vms[i].autostart)
			return true;
	return false;
}

/* How many run now. */
static unsigned start_all(const struct config *c)
{
	const struct vm_config *first = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < c->vm_count; i++)
		if (life_create(&c->vms[i]))
			log_error("boot: there is no memory for the guest %s", c->vms[i].name);
		else if (!first && c->vms[i].autostart)
			show((first = &c->vms[i])->name);
	for (unsigned i = 0; i < c->vm_count; i++) {
		struct life_error e;

		if (!c->vms[i].autostart)
			continue;
		life_order(c->vms[i].name, LIFE_START, &e);
		if (e.code)
			log_error("boot: %s", e.text);
		else if (n++ == 0)
			print_cost(&c->vms[i]);
	}
	if (n > 1)
		log_info("boot: %u guests run; Ctrl-] leads to the shell, there \"attach NAME\" to "
			 "a "
			 "guest",
			 n);
	return n;
}

static void destroy_all(void)
{
	struct life_error e;
	struct vm *vm;

	while ((vm = vm_next(NULL))) {
		char name[CONFIG_NAME];

		str_copy(name, vm->config.name, sizeof(name));
		vm_put(vm);
		life_order(name, LIFE_DESTROY, &e);
	}
}

/* The shell has the machine from now on. */
static _Noreturn void leave_to_shell(const char *why)
{
	log_info("boot: %s: the shell has the machine", why);
	vconsole_to_shell(NULL);
	for (;;)
		thread_block();
}

static _Noreturn void reboot(void)
{
	console_flush();
	power_reset();
}

uint8_t guests_run(const struct boot_info *info, const struct options *o)
{
	const struct config *config = boot_config_make(info, o);
	uint64_t before[MEM_OWNERS];
	const char *how;
	uint8_t status;

	/* What is wrong with a config has to be read: a real machine stays on. */
	if (!config)
		end_failed();
	boot.info = info;
	boot.options = o;
	for (enum mem_owner owner = 0; owner < MEM_OWNERS; owner++)
		before[owner] = pmem_used(owner);
	if (!start_all(config)) {
		if (config->host.when_last_ends == CONFIG_END_SHELL)
			leave_to_shell("no guest runs");
		if (!is_any_autostarted(config))
			log_error("boot: no guest starts by itself: \"autostart = true\" for one "
				  "of them, or \"when_last_ends = 'shell'\", would be right");
		log_result("plinth: guest ended: not started, status %u", STATUS_FAILED);
		return STATUS_FAILED;
	}
	status = life_wait_last(&how);
	if (config->host.when_last_ends == CONFIG_END_SHELL)
		leave_to_shell("the last guest has ended");
	if (config->host.when_last_ends == CONFIG_END_REBOOT)
		reboot();
	vconsole_attach(LINE_TERMINAL, NULL, true);
	destroy_all();
	print_memory_after(before);
	log_result("plinth: guest ended: %s, status %u", how, status);
	return status;
}

/* What is typed as KEY=VALUE becomes a line of the file that create is given. */
enum { CREATE_TEXT = 8192, CREATE_ERROR = CONFIG_ERROR_TEXT + 48 };

/* A number, a truth value or a list stands as it is typed; anything else is a string. */
static bool is_bare(const char *value)
{
	bool digits = *value;

	for (const char *p = value; *p; p++)
		digits = digits && *p >= '0' && *p <= '9';
	return digits || !strcmp(value, "true") || !strcmp(value, "false") || *value == '[' ||
	       *value == '"';
}

static int put_key(char *text, size_t size, const char *word)
{
	const char *value = strchr(word, '=');
	size_t used = strlen(text);
	int n;

	if (!value)
		return -EINVAL;
	n = fmt_print(text + used, size - used,
		      is_bare(value + 1) ? "%.*s = %s\n" : "%.*s = '%s'\n", (int)(value - word),
		      word, value + 1);
	return n < (int)(size - used) ? 0 : -ENOSPC;
}

/* Of several errors the first one is told; where it stands, if there are lines to tell apart. */
static void keep_first(void *ctx, const struct config_error *e)
{
	char *text = ctx;

	if (*text)
		return;
	if (e->file)
		fmt_print(text, CREATE_ERROR, "line %u, column %u: %s", e->place.line,
			  e->place.column, e->text);
	else
		str_copy(text, e->text, CREATE_ERROR);
}

static void create(struct reply *r, const char *text, bool lines, struct config *c)
{
	char error[CREATE_ERROR] = "";
	struct config_sink sink = { .report = keep_first,
				    .ctx = error,
				    .file = lines ? "create" : NULL };
	struct config_text t = { .at = text, .size = strlen(text) };
	int err;

	if (boot_config_read(boot.info, boot.options, &t, c, &sink)) {
		reply_error(r, "bad-argument", "%s", error);
		return;
	}
	for (unsigned i = 0; i < c->vm_count; i++) {
		err = life_create(&c->vms[i]);
		if (err == -EEXIST)
			reply_error(r, "exists", "there is a guest %s already", c->vms[i].name);
		else if (err)
			reply_error(r, "failed", "%s: there is no memory for it", c->vms[i].name);
		if (err)
			return;
	}
}

static void run_create(struct reply *r, unsigned argc, char **argv)
{
	struct config *c = mem_alloc(sizeof(*c), MEM_CORE);
	char *text = mem_alloc(CREATE_TEXT, MEM_CORE);
	int err = c && text ? 0 : -ENOMEM;

	if (err) {
		reply_error(r, "failed", "there is no memory to read it");
	} else if (argc == 2 && !strchr(argv[1], '[')) {
		reply_error(r, "bad-argument",
			    "%.40s has no keys: \"create %.40s memory=256M kernel=NAME\" would be "
			    "right, "
			    "with the name of a boot module",
			    argv[1], argv[1]);
	} else if (argc == 2) {
		create(r, argv[1], true, c);
	} else {
		fmt_print(text, CREATE_TEXT, "[vm.'%s']\n", argv[1]);
		for (unsigned i = 2; i < argc && !err; i++)
			err = put_key(text, CREATE_TEXT, argv[i]);
		if (err)
			reply_error(r, "bad-argument",
				    "KEY=VALUE, as in memory=256M, would be right");
		else
			create(r, text, false, c);
	}
	mem_free(text);
	mem_free(c);
}

static const struct shell_command table[] = {
	{ .name = "create",
	  .arguments = "NAME|TOML [KEY=VALUE…]",
	  .help = "Makes a guest, stopped: from keys as in plinth.toml, or from such a text; alone "
		  "in a line it reads the text's lines",
	  .text = "Type or paste what plinth.toml would say of it, from [vm.NAME] on.",
	  .run = run_create },
};

const struct shell_table guest_commands = { table, ARRAY_SIZE(table) };
