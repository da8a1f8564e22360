/* SPDX-License-Identifier: MIT */
/*
 * The guests that boot/config.c makes are created and started here; `create` makes further ones.
 * Then this waits until the last has ended.
 */
#include "boot/guest.h"
#include "boot/config.h"
#include "core/alloc.h"
#include "core/delay.h"
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

/* For `create`, which reads a config's text as the boot did. */
static struct {
	const struct boot_info *info;  /* constant once guests run */
	const struct options *options; /* likewise */
	bool is_ending;		       /* atomic: all guests go, and no more are made */
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

/* Until no more threads are left than there were before the guests. */
static void destroy_all(unsigned threads)
{
	struct life_error e;
	struct vm *vm;

	__atomic_store_n(&boot.is_ending, true, __ATOMIC_SEQ_CST);
	while ((vm = vm_next(NULL))) {
		char name[CONFIG_NAME];

		str_copy(name, vm->config.name, sizeof(name));
		vm_put(vm);
		life_order(name, LIFE_DESTROY, &e);
	}
	thread_wait_count(threads);
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
	unsigned threads = thread_count();
	const char *how;
	uint8_t status;

	/* What is wrong with a config has to be read: a real machine stays on. */
	if (!config)
		end_failed();
	boot.info = info;
	boot.options = o;
	for (enum mem_owner owner = 0; owner < MEM_OWNERS; owner++)
		before[owner] = pmem_used(owner);
	/* What the boot itself has held up comes in first. */
	sched_breathe();
	delays_forget();
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
	delays_tell();
	vconsole_attach(LINE_TERMINAL, NULL, true);
	destroy_all(threads);
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

/* Each appends; -ENOSPC: it does not fit. */
static int put(char *text, const char *s, size_t n)
{
	size_t used = strlen(text);

	if (n >= CREATE_TEXT - used)
		return -ENOSPC;
	memcpy(text + used, s, n);
	text[used + n] = '\0';
	return 0;
}

static int put_string(char *text, const char *s)
{
	char escape[sizeof("\\u0000")];
	int err = put(text, "\"", 1);

	for (; *s && !err; s++) {
		uint8_t c = (uint8_t)*s;

		if (c == '"' || c == '\\')
			err = put(text, "\\", 1);
		if (!err && c >= ' ' && c != 0x7f)
			err = put(text, s, 1);
		else if (!err)
			err = put(text, escape,
				  (size_t)fmt_print(escape, sizeof(escape), "\\u%04x", c));
	}
	return err ? err : put(text, "\"", 1);
}

static int put_key(char *text, const char *word)
{
	const char *value = strchr(word, '=');
	int err;

	if (!value)
		return -EINVAL;
	err = put(text, word, (size_t)(value - word));
	if (!err)
		err = put(text, " = ", 3);
	if (!err)
		err = is_bare(value + 1) ? put(text, value + 1, strlen(value + 1))
					 : put_string(text, value + 1);
	return err ? err : put(text, "\n", 1);
}

static int put_guest(char *text, unsigned argc, char **argv)
{
	int err = put(text, "[vm.", 4);

	if (!err)
		err = put_string(text, argv[1]);
	if (!err)
		err = put(text, "]\n", 2);
	for (unsigned i = 2; i < argc && !err; i++)
		err = put_key(text, argv[i]);
	return err;
}

/* Of several errors the first one is told; where it is, only of a text that was given as one. */
struct first_error {
	bool is_text;
	char text[CREATE_ERROR];
};

static void keep_first(void *ctx, const struct config_error *e)
{
	struct first_error *first = ctx;

	if (*first->text)
		return;
	if (first->is_text)
		fmt_print(first->text, sizeof(first->text), "line %u, column %u: %s", e->place.line,
			  e->place.column, e->text);
	else
		str_copy(first->text, e->text, sizeof(first->text));
}

/* All of a text or nothing: those that came before the one that failed go again. */
static void uncreate(const struct config *c, unsigned n)
{
	struct life_error e;

	while (n--)
		life_order(c->vms[n].name, LIFE_DESTROY, &e);
}

static void create(struct reply *r, const char *text, bool is_text, struct config *c)
{
	struct first_error error = { .is_text = is_text };
	struct config_sink sink = { .report = keep_first, .ctx = &error, .file = "create" };
	struct config_text t = { .at = text, .size = strlen(text) };
	int err;

	if (__atomic_load_n(&boot.is_ending, __ATOMIC_SEQ_CST)) {
		reply_error(r, "failed", "this machine is about to end");
		return;
	}
	if (boot_config_read(boot.info, boot.options, &t, c, &sink)) {
		reply_error(r, "bad-argument", "%s", error.text);
		return;
	}
	if (!c->vm_count)
		reply_error(r, "bad-argument", "no guest is in it: [vm.NAME] begins one");
	for (unsigned i = 0; i < c->vm_count; i++) {
		err = life_create(&c->vms[i]);
		if (!err)
			continue;
		if (err == -EEXIST)
			reply_error(r, "exists", "there is a guest %s already", c->vms[i].name);
		else
			reply_error(r, "failed", "%s: there is no memory for it", c->vms[i].name);
		uncreate(c, i);
		return;
	}
}

static void run_create(struct reply *r, unsigned argc, char **argv)
{
	struct config *c = mem_alloc(sizeof(*c), MEM_CORE);
	char *text = mem_alloc(CREATE_TEXT, MEM_CORE);
	int err = c && text ? 0 : -ENOMEM;

	if (!err && argc > 2)
		err = put_guest(text, argc, argv);
	if (err == -ENOMEM)
		reply_error(r, "failed", "there is no memory to read it");
	else if (err == -ENOSPC)
		reply_error(r, "bad-argument", "it is too long: %u bytes would be right",
			    CREATE_TEXT - 1);
	else if (err)
		reply_error(r, "bad-argument",
			    "KEY=VALUE, as in memory=256M, would be right after the name");
	else if (argc == 2 && !strchr(argv[1], '[') && !strchr(argv[1], '\n'))
		reply_error(r, "bad-argument",
			    "%.40s has no keys: \"create %.40s memory=256M kernel=NAME\" would be "
			    "right, with the name of a boot module",
			    argv[1], argv[1]);
	else
		create(r, argc > 2 ? text : argv[1], argc == 2, c);
	mem_free(text);
	mem_free(c);
}

static const struct shell_command table[] = {
	{ .name = "create",
	  .arguments = "NAME|TOML [KEY=VALUE…]",
	  .help = "Makes a guest, stopped; alone in a line it reads a text",
	  .text = "Type or paste what plinth.toml would say of it, from [vm.NAME] on.",
	  .run = run_create },
};

const struct shell_table guest_commands = { table, ARRAY_SIZE(table) };
