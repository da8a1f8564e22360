/* SPDX-License-Identifier: MIT */
/* Guest linear → guest physical by the guest's own page tables, in every paging mode. */
#ifndef VMM_GWALK_H
#define VMM_GWALK_H

#include "vmm/gmem.h"

/* What decides a walk; gathered from a vCPU by vcpu_walk_mode(). */
struct gwalk_mode {
	uint64_t cr0, cr3, cr4, efer;
	uint64_t rflags; /* AC, for SMAP */
	uint8_t cpl;
	uint8_t maxphyaddr; /* bits above it are reserved */
	bool has_1g;	    /* CPUID offers 1 GiB pages */
};

enum gwalk_access {
	WALK_READ = 0,
	WALK_WRITE = 1,
	WALK_FETCH = 2,
	WALK_SYSTEM = 4 /* implicit supervisor access: descriptor tables */
};

struct gwalk_fault {
	uint32_t error; /* the #PF error code */
	gva_t address;	/* CR2 */
	/*
	 * A table, or what gwalk_read() was to copy, is not in memory: no #PF tells it; error is 0.
	 */
	bool no_memory;
};

/*
 * 0 and *out; or -EFAULT and *fault. access is a mask of enum gwalk_access. Sets A and D bits as
 * the hardware would (locked). That addr is canonical is for the caller to see to. SDM 3, "Paging";
 * APM 2, "Page Translation and Protection".
 */
must_check int gwalk(const struct gmem *m, const struct gwalk_mode *mode, gva_t addr,
		     unsigned access, gpa_t *out, struct gwalk_fault *fault);

/*
 * The same for 1 to 4096 bytes that may cross a page: with WALK_WRITE copies from buf to guest
 * memory at a linear address, otherwise into buf. Nothing is copied unless all of it can be.
 */
must_check int gwalk_read(const struct gmem *m, const struct gwalk_mode *mode, gva_t addr,
			  void *buf, unsigned n, unsigned access, struct gwalk_fault *fault);

#endif
