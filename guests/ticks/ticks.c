// SPDX-License-Identifier: MIT
/*
 * `ticks NAME` prints a line `ticks NAME <TSC>` for tools/bench. As the first program, by
 * rdinit=/bin/ticks, it does so with the name `init`, and starts /init. It has no C library: the
 * first instruction of userspace is the one that reads the TSC.
 */
#include <stdint.h>

enum { OUTPUT = 1, INIT_PID = 1 };

/* x86-64's system calls: arch/x86/entry/syscalls/syscall_64.tbl of Linux. */
enum {
	SYS_WRITE = 1,
	SYS_GETPID = 39,
	SYS_EXECVE = 59,
	SYS_EXIT = 60,
};

static long call(long number, const void *a, const void *b, const void *c)
{
	long result;

	asm volatile("syscall"
		     : "=a"(result)
		     : "a"(number), "D"(a), "S"(b), "d"(c)
		     : "rcx", "r11", "memory");
	return result;
}

static void put(const char *text)
{
	long n = 0;

	while (text[n])
		n++;
	call(SYS_WRITE, (void *)OUTPUT, text, (void *)n);
}

static void put_number(uint64_t n)
{
	char digits[21];
	char *at = digits + sizeof(digits);

	*--at = 0;
	do
		*--at = (char)('0' + n % 10);
	while (n /= 10);
	put(at);
}

static void report(const char *name, uint64_t tsc)
{
	put("ticks ");
	put(name);
	put(" ");
	put_number(tsc);
	put("\n");
}

__attribute__((used)) static _Noreturn void start(long *stack, uint64_t tsc)
{
	char **arguments = (char **)(stack + 1), **environment = arguments + *stack + 1;

	if (call(SYS_GETPID, 0, 0, 0) == INIT_PID) {
		report("init", tsc);
		arguments[0] = "/init";
		call(SYS_EXECVE, "/init", arguments, environment);
	}
	report(*stack > 1 ? arguments[1] : "-", tsc);
	for (;;)
		call(SYS_EXIT, 0, 0, 0);
}

asm(".globl _start\n"
    "_start:\n\t"
    "rdtsc\n\t"
    "shl $32, %rdx\n\t"
    "mov %rsp, %rdi\n\t"
    "lea (%rax, %rdx), %rsi\n\t"
    "and $-16, %rsp\n\t"
    "call start\n");
