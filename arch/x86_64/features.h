/* SPDX-License-Identifier: MIT */
/* What the host's CPU can do: CPUID read once at the start, asked for by cpuid.h's names. */
#ifndef ARCH_FEATURES_H
#define ARCH_FEATURES_H

#include "arch/x86_64/cpuid.h"
#include "lib/types.h"

/* The words of feature bits that are kept, <leaf>_<register>. */
enum feature_word {
	WORD_1_ECX,
	WORD_1_EDX,
	WORD_6_EAX,
	WORD_7_0_EBX,
	WORD_7_0_ECX,
	WORD_7_0_EDX,
	WORD_7_1_EAX,
	WORD_D_1_EAX,
	WORD_80000001_ECX,
	WORD_80000001_EDX,
	WORD_80000007_EDX,
	WORD_80000008_EBX,
	WORD_8000000A_EDX,
	WORD_80000021_EAX,
	FEATURE_WORDS
};

enum cpu_vendor { CPU_INTEL, CPU_AMD, CPU_HYGON, CPU_OTHER };

struct features {
	enum cpu_vendor vendor;
	char vendor_name[13];
	char brand[49]; /* without the blanks around it */
	unsigned family, model, stepping;
	uint32_t max_basic, max_extended;
	unsigned phys_bits, linear_bits;
	uint32_t svm_revision, asids; /* 0 without SVM */
	uint64_t xcr0;		      /* what XCR0 may hold; 0 without XSAVE */
	uint32_t xsave_size;	      /* of all that XCR0 may hold, standard form, in bytes */
	uint64_t xss;		      /* what IA32_XSS may hold; 0 without XSAVES */
	bool under_hypervisor;
	char hypervisor_name[13]; /* empty where it has none */
	uint32_t words[FEATURE_WORDS];
};

/* Constant after features_init(). */
extern struct features features;

/* Every bit of mask: feature(WORD_1_ECX, CPUID_1_ECX_X2APIC). */
#define feature(word, mask) ((features.words[word] & (mask)) == (mask))

/*
 * Reads CPUID. 0, or -ENODEV where the CPU lacks what Plinth itself needs, with the reason logged.
 */
must_check int features_init(void);

/* Pure part: family, model and stepping from leaf 1's EAX. */
void features_decode_signature(uint32_t eax, struct features *f);

#endif
