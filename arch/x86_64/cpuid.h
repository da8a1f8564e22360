/* SPDX-License-Identifier: MIT */
/*
 * CPUID: leaves, then their bits as CPUID_<leaf>_<register>_<name>, in the manuals' order (SDM 2,
 * "CPUID: CPU Identification"; APM 3, "Obtaining Processor Information Via the CPUID Instruction").
 * A leaf with subleaves names the subleaf after it: CPUID_D_1_EAX_XSAVES.
 */
#ifndef ARCH_CPUID_H
#define ARCH_CPUID_H

enum cpuid_leaf {
	CPUID_VENDOR = 0x0, /* highest basic leaf, vendor's name in EBX, EDX, ECX */
	CPUID_FEATURES = 0x1,
	CPUID_CACHE_DESCRIPTORS = 0x2,
	CPUID_SERIAL_NUMBER = 0x3,
	CPUID_CACHE_PARAMETERS = 0x4,
	CPUID_MONITOR = 0x5,
	CPUID_THERMAL_POWER = 0x6,
	CPUID_EXTENDED_FEATURES = 0x7,
	CPUID_DIRECT_CACHE_ACCESS = 0x9,
	CPUID_PERFMON = 0xa,
	CPUID_TOPOLOGY = 0xb,
	CPUID_XSAVE = 0xd,
	CPUID_RDT_MONITORING = 0xf,
	CPUID_RDT_ALLOCATION = 0x10,
	CPUID_SGX = 0x12,
	CPUID_PROCESSOR_TRACE = 0x14,
	CPUID_TSC = 0x15,
	CPUID_FREQUENCY = 0x16,
	CPUID_SOC_VENDOR = 0x17,
	CPUID_TLB_PARAMETERS = 0x18,
	CPUID_KEY_LOCKER = 0x19,
	CPUID_HYBRID = 0x1a,
	CPUID_LBR = 0x1c,
	CPUID_TILE = 0x1d,
	CPUID_TMUL = 0x1e,
	CPUID_TOPOLOGY_V2 = 0x1f,
	CPUID_AVX10 = 0x24,

	CPUID_HYPERVISOR = 0x40000000,	    /* highest leaf, hypervisor's name in EBX, ECX, EDX */
	CPUID_HYPERVISOR_LAST = 0x400000ff, /* the range that hardware leaves to hypervisors */

	CPUID_EXT_MAX = 0x80000000,
	CPUID_EXT_FEATURES = 0x80000001,
	CPUID_BRAND_1 = 0x80000002,
	CPUID_BRAND_2 = 0x80000003,
	CPUID_BRAND_3 = 0x80000004,
	CPUID_EXT_L1 = 0x80000005,
	CPUID_EXT_L2_L3 = 0x80000006,
	CPUID_EXT_POWER = 0x80000007,
	CPUID_EXT_SIZES = 0x80000008,
	CPUID_SVM = 0x8000000a,
	CPUID_EXT_TLB_1G = 0x80000019,
	CPUID_EXT_OPTIMIZATION = 0x8000001a,
	CPUID_EXT_IBS = 0x8000001b,
	CPUID_EXT_LWP = 0x8000001c,
	CPUID_EXT_CACHE = 0x8000001d,
	CPUID_EXT_TOPOLOGY = 0x8000001e,
	CPUID_EXT_SEV = 0x8000001f,
	CPUID_EXT_PQOS = 0x80000020,
	CPUID_EXT_FEATURES_2 = 0x80000021,
	CPUID_EXT_PERFMON_2 = 0x80000022,
	CPUID_EXT_CPU_TOPOLOGY = 0x80000026,
};

/* The top half of a leaf's number tells its range. */
#define CPUID_RANGE_MASK 0xffff0000u

/* 1: family, model, stepping; APIC ID, CLFLUSH size; features. */
#define CPUID_1_EAX_STEPPING	     0xfu
#define CPUID_1_EAX_MODEL_SHIFT	     4
#define CPUID_1_EAX_FAMILY_SHIFT     8
#define CPUID_1_EAX_EXT_MODEL_SHIFT  16
#define CPUID_1_EAX_EXT_FAMILY_SHIFT 20
#define CPUID_1_EAX_EXT_FAMILY	     0xffu
#define CPUID_1_EAX_FAMILY_EXTENDED  0xfu /* a base family of this: add the extended family */
#define CPUID_1_EAX_FAMILY_P6	     0x6u

#define CPUID_1_EBX_CLFLUSH_SHIFT 8 /* in units of 8 bytes */
#define CPUID_1_EBX_COUNT_SHIFT	  16
#define CPUID_1_EBX_APIC_ID_SHIFT 24

#define CPUID_1_ECX_SSE3	 (1u << 0)
#define CPUID_1_ECX_PCLMULQDQ	 (1u << 1)
#define CPUID_1_ECX_DTES64	 (1u << 2)
#define CPUID_1_ECX_MONITOR	 (1u << 3)
#define CPUID_1_ECX_DS_CPL	 (1u << 4)
#define CPUID_1_ECX_VMX		 (1u << 5)
#define CPUID_1_ECX_SMX		 (1u << 6)
#define CPUID_1_ECX_EIST	 (1u << 7)
#define CPUID_1_ECX_TM2		 (1u << 8)
#define CPUID_1_ECX_SSSE3	 (1u << 9)
#define CPUID_1_ECX_CNXT_ID	 (1u << 10)
#define CPUID_1_ECX_SDBG	 (1u << 11)
#define CPUID_1_ECX_FMA		 (1u << 12)
#define CPUID_1_ECX_CX16	 (1u << 13)
#define CPUID_1_ECX_XTPR	 (1u << 14)
#define CPUID_1_ECX_PDCM	 (1u << 15)
#define CPUID_1_ECX_PCID	 (1u << 17)
#define CPUID_1_ECX_DCA		 (1u << 18)
#define CPUID_1_ECX_SSE41	 (1u << 19)
#define CPUID_1_ECX_SSE42	 (1u << 20)
#define CPUID_1_ECX_X2APIC	 (1u << 21)
#define CPUID_1_ECX_MOVBE	 (1u << 22)
#define CPUID_1_ECX_POPCNT	 (1u << 23)
#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)
#define CPUID_1_ECX_AES		 (1u << 25)
#define CPUID_1_ECX_XSAVE	 (1u << 26)
#define CPUID_1_ECX_OSXSAVE	 (1u << 27)
#define CPUID_1_ECX_AVX		 (1u << 28)
#define CPUID_1_ECX_F16C	 (1u << 29)
#define CPUID_1_ECX_RDRAND	 (1u << 30)
#define CPUID_1_ECX_HYPERVISOR	 (1u << 31)

#define CPUID_1_EDX_FPU	  (1u << 0)
#define CPUID_1_EDX_VME	  (1u << 1)
#define CPUID_1_EDX_DE	  (1u << 2)
#define CPUID_1_EDX_PSE	  (1u << 3)
#define CPUID_1_EDX_TSC	  (1u << 4)
#define CPUID_1_EDX_MSR	  (1u << 5)
#define CPUID_1_EDX_PAE	  (1u << 6)
#define CPUID_1_EDX_MCE	  (1u << 7)
#define CPUID_1_EDX_CX8	  (1u << 8)
#define CPUID_1_EDX_APIC  (1u << 9)
#define CPUID_1_EDX_SEP	  (1u << 11)
#define CPUID_1_EDX_MTRR  (1u << 12)
#define CPUID_1_EDX_PGE	  (1u << 13)
#define CPUID_1_EDX_MCA	  (1u << 14)
#define CPUID_1_EDX_CMOV  (1u << 15)
#define CPUID_1_EDX_PAT	  (1u << 16)
#define CPUID_1_EDX_PSE36 (1u << 17)
#define CPUID_1_EDX_PSN	  (1u << 18)
#define CPUID_1_EDX_CLFSH (1u << 19)
#define CPUID_1_EDX_DS	  (1u << 21)
#define CPUID_1_EDX_ACPI  (1u << 22)
#define CPUID_1_EDX_MMX	  (1u << 23)
#define CPUID_1_EDX_FXSR  (1u << 24)
#define CPUID_1_EDX_SSE	  (1u << 25)
#define CPUID_1_EDX_SSE2  (1u << 26)
#define CPUID_1_EDX_SS	  (1u << 27)
#define CPUID_1_EDX_HTT	  (1u << 28)
#define CPUID_1_EDX_TM	  (1u << 29)
#define CPUID_1_EDX_PBE	  (1u << 31)

/* 4 and 8000001D: one cache a subleaf. */
#define CPUID_4_EAX_TYPE	 0x1fu /* 0: no more caches */
#define CPUID_4_EAX_LEVEL_SHIFT	 5
#define CPUID_4_EAX_SHARED_SHIFT 14 /* logical CPUs that share it, less 1, 12 bits */
#define CPUID_4_EAX_SHARED_MASK	 (0xfffu << CPUID_4_EAX_SHARED_SHIFT)
#define CPUID_4_EAX_CORES_SHIFT	 26 /* cores in the package, less 1, 6 bits */
#define CPUID_4_EAX_CORES_MASK	 (0x3fu << CPUID_4_EAX_CORES_SHIFT)

/* 6: thermal and power. */
#define CPUID_6_EAX_DTS		(1u << 0)
#define CPUID_6_EAX_TURBO	(1u << 1)
#define CPUID_6_EAX_ARAT	(1u << 2)
#define CPUID_6_EAX_PLN		(1u << 4)
#define CPUID_6_EAX_ECMD	(1u << 5)
#define CPUID_6_EAX_PTM		(1u << 6)
#define CPUID_6_EAX_HWP		(1u << 7)
#define CPUID_6_ECX_APERFMPERF	(1u << 0)
#define CPUID_6_ECX_ENERGY_BIAS (1u << 3)

/* 7.0: structured extended features. EAX is the highest subleaf. */
#define CPUID_7_0_EBX_FSGSBASE	      (1u << 0)
#define CPUID_7_0_EBX_TSC_ADJUST      (1u << 1)
#define CPUID_7_0_EBX_SGX	      (1u << 2)
#define CPUID_7_0_EBX_BMI1	      (1u << 3)
#define CPUID_7_0_EBX_HLE	      (1u << 4)
#define CPUID_7_0_EBX_AVX2	      (1u << 5)
#define CPUID_7_0_EBX_FDP_EXCPTN_ONLY (1u << 6)
#define CPUID_7_0_EBX_SMEP	      (1u << 7)
#define CPUID_7_0_EBX_BMI2	      (1u << 8)
#define CPUID_7_0_EBX_ERMS	      (1u << 9)
#define CPUID_7_0_EBX_INVPCID	      (1u << 10)
#define CPUID_7_0_EBX_RTM	      (1u << 11)
#define CPUID_7_0_EBX_RDT_M	      (1u << 12)
#define CPUID_7_0_EBX_FCS_FDS_ZERO    (1u << 13)
#define CPUID_7_0_EBX_MPX	      (1u << 14)
#define CPUID_7_0_EBX_RDT_A	      (1u << 15)
#define CPUID_7_0_EBX_AVX512F	      (1u << 16)
#define CPUID_7_0_EBX_AVX512DQ	      (1u << 17)
#define CPUID_7_0_EBX_RDSEED	      (1u << 18)
#define CPUID_7_0_EBX_ADX	      (1u << 19)
#define CPUID_7_0_EBX_SMAP	      (1u << 20)
#define CPUID_7_0_EBX_AVX512_IFMA     (1u << 21)
#define CPUID_7_0_EBX_CLFLUSHOPT      (1u << 23)
#define CPUID_7_0_EBX_CLWB	      (1u << 24)
#define CPUID_7_0_EBX_PT	      (1u << 25)
#define CPUID_7_0_EBX_AVX512PF	      (1u << 26)
#define CPUID_7_0_EBX_AVX512ER	      (1u << 27)
#define CPUID_7_0_EBX_AVX512CD	      (1u << 28)
#define CPUID_7_0_EBX_SHA	      (1u << 29)
#define CPUID_7_0_EBX_AVX512BW	      (1u << 30)
#define CPUID_7_0_EBX_AVX512VL	      (1u << 31)

#define CPUID_7_0_ECX_PREFETCHWT1      (1u << 0)
#define CPUID_7_0_ECX_AVX512_VBMI      (1u << 1)
#define CPUID_7_0_ECX_UMIP	       (1u << 2)
#define CPUID_7_0_ECX_PKU	       (1u << 3)
#define CPUID_7_0_ECX_OSPKE	       (1u << 4)
#define CPUID_7_0_ECX_WAITPKG	       (1u << 5)
#define CPUID_7_0_ECX_AVX512_VBMI2     (1u << 6)
#define CPUID_7_0_ECX_CET_SS	       (1u << 7)
#define CPUID_7_0_ECX_GFNI	       (1u << 8)
#define CPUID_7_0_ECX_VAES	       (1u << 9)
#define CPUID_7_0_ECX_VPCLMULQDQ       (1u << 10)
#define CPUID_7_0_ECX_AVX512_VNNI      (1u << 11)
#define CPUID_7_0_ECX_AVX512_BITALG    (1u << 12)
#define CPUID_7_0_ECX_TME	       (1u << 13)
#define CPUID_7_0_ECX_AVX512_VPOPCNTDQ (1u << 14)
#define CPUID_7_0_ECX_LA57	       (1u << 16)
#define CPUID_7_0_ECX_RDPID	       (1u << 22)
#define CPUID_7_0_ECX_KL	       (1u << 23)
#define CPUID_7_0_ECX_BUS_LOCK_DETECT  (1u << 24)
#define CPUID_7_0_ECX_CLDEMOTE	       (1u << 25)
#define CPUID_7_0_ECX_MOVDIRI	       (1u << 27)
#define CPUID_7_0_ECX_MOVDIR64B	       (1u << 28)
#define CPUID_7_0_ECX_ENQCMD	       (1u << 29)
#define CPUID_7_0_ECX_SGX_LC	       (1u << 30)
#define CPUID_7_0_ECX_PKS	       (1u << 31)

#define CPUID_7_0_EDX_AVX512_4VNNIW	(1u << 2)
#define CPUID_7_0_EDX_AVX512_4FMAPS	(1u << 3)
#define CPUID_7_0_EDX_FSRM		(1u << 4)
#define CPUID_7_0_EDX_UINTR		(1u << 5)
#define CPUID_7_0_EDX_VP2INTERSECT	(1u << 8)
#define CPUID_7_0_EDX_SRBDS_CTRL	(1u << 9)
#define CPUID_7_0_EDX_MD_CLEAR		(1u << 10)
#define CPUID_7_0_EDX_RTM_ALWAYS_ABORT	(1u << 11)
#define CPUID_7_0_EDX_SERIALIZE		(1u << 14)
#define CPUID_7_0_EDX_HYBRID		(1u << 15)
#define CPUID_7_0_EDX_TSXLDTRK		(1u << 16)
#define CPUID_7_0_EDX_PCONFIG		(1u << 18)
#define CPUID_7_0_EDX_ARCH_LBR		(1u << 19)
#define CPUID_7_0_EDX_CET_IBT		(1u << 20)
#define CPUID_7_0_EDX_AMX_BF16		(1u << 22)
#define CPUID_7_0_EDX_AVX512_FP16	(1u << 23)
#define CPUID_7_0_EDX_AMX_TILE		(1u << 24)
#define CPUID_7_0_EDX_AMX_INT8		(1u << 25)
#define CPUID_7_0_EDX_IBRS_IBPB		(1u << 26)
#define CPUID_7_0_EDX_STIBP		(1u << 27)
#define CPUID_7_0_EDX_L1D_FLUSH		(1u << 28)
#define CPUID_7_0_EDX_ARCH_CAPABILITIES (1u << 29)
#define CPUID_7_0_EDX_CORE_CAPABILITIES (1u << 30)
#define CPUID_7_0_EDX_SSBD		(1u << 31)

/* 7.1 */
#define CPUID_7_1_EAX_SHA512	     (1u << 0)
#define CPUID_7_1_EAX_SM3	     (1u << 1)
#define CPUID_7_1_EAX_SM4	     (1u << 2)
#define CPUID_7_1_EAX_RAO_INT	     (1u << 3)
#define CPUID_7_1_EAX_AVX_VNNI	     (1u << 4)
#define CPUID_7_1_EAX_AVX512_BF16    (1u << 5)
#define CPUID_7_1_EAX_CMPCCXADD	     (1u << 7)
#define CPUID_7_1_EAX_FZLRM	     (1u << 10)
#define CPUID_7_1_EAX_FSRS	     (1u << 11)
#define CPUID_7_1_EAX_FSRCS	     (1u << 12)
#define CPUID_7_1_EAX_FRED	     (1u << 17)
#define CPUID_7_1_EAX_LKGS	     (1u << 18)
#define CPUID_7_1_EAX_WRMSRNS	     (1u << 19)
#define CPUID_7_1_EAX_AMX_FP16	     (1u << 21)
#define CPUID_7_1_EAX_HRESET	     (1u << 22)
#define CPUID_7_1_EAX_AVX_IFMA	     (1u << 23)
#define CPUID_7_1_EAX_LAM	     (1u << 26)
#define CPUID_7_1_EAX_MSRLIST	     (1u << 27)
#define CPUID_7_1_EDX_AVX_VNNI_INT8  (1u << 4)
#define CPUID_7_1_EDX_AVX_NE_CONVERT (1u << 5)
#define CPUID_7_1_EDX_AMX_COMPLEX    (1u << 8)
#define CPUID_7_1_EDX_AVX_VNNI_INT16 (1u << 10)
#define CPUID_7_1_EDX_PREFETCHITI    (1u << 14)
#define CPUID_7_1_EDX_CET_SSS	     (1u << 18)
#define CPUID_7_1_EDX_AVX10	     (1u << 19)

/* A: performance monitoring. EAX 7:0 is the version, 0 for none. */
#define CPUID_A_EAX_VERSION 0xffu

/* B and 1F: one level of the topology a subleaf. EDX is the x2APIC ID. */
#define CPUID_B_EAX_SHIFT      0x1fu /* bits of the x2APIC ID below the next level */
#define CPUID_B_EBX_COUNT      0xffffu
#define CPUID_B_ECX_TYPE_SHIFT 8
#define CPUID_B_ECX_TYPE_MASK  0xff00u
enum cpuid_b_type { CPUID_B_TYPE_INVALID, CPUID_B_TYPE_SMT, CPUID_B_TYPE_CORE };

/* D: 0: EDX:EAX what XCR0 may hold, EBX size for XCR0 now, ECX size for all of it. */
#define CPUID_D_1_EAX_XSAVEOPT (1u << 0)
#define CPUID_D_1_EAX_XSAVEC   (1u << 1)
#define CPUID_D_1_EAX_XGETBV1  (1u << 2)
#define CPUID_D_1_EAX_XSAVES   (1u << 3)
#define CPUID_D_1_EAX_XFD      (1u << 4)
/* D.n, n ≥ 2: EAX size, EBX offset in the standard form. */
#define CPUID_D_N_ECX_SUPERVISOR (1u << 0)
#define CPUID_D_N_ECX_ALIGN64	 (1u << 1)

/* 16: the base frequency in EAX. */
#define CPUID_16_EAX_MHZ 0xffffu

/* 80000001 */
#define CPUID_80000001_ECX_LAHF		 (1u << 0)
#define CPUID_80000001_ECX_CMP_LEGACY	 (1u << 1)
#define CPUID_80000001_ECX_SVM		 (1u << 2)
#define CPUID_80000001_ECX_EXTAPIC	 (1u << 3)
#define CPUID_80000001_ECX_ALTMOVCR8	 (1u << 4)
#define CPUID_80000001_ECX_ABM		 (1u << 5)
#define CPUID_80000001_ECX_SSE4A	 (1u << 6)
#define CPUID_80000001_ECX_MISALIGNSSE	 (1u << 7)
#define CPUID_80000001_ECX_PREFETCHW	 (1u << 8)
#define CPUID_80000001_ECX_OSVW		 (1u << 9)
#define CPUID_80000001_ECX_IBS		 (1u << 10)
#define CPUID_80000001_ECX_XOP		 (1u << 11)
#define CPUID_80000001_ECX_SKINIT	 (1u << 12)
#define CPUID_80000001_ECX_WDT		 (1u << 13)
#define CPUID_80000001_ECX_LWP		 (1u << 15)
#define CPUID_80000001_ECX_FMA4		 (1u << 16)
#define CPUID_80000001_ECX_TCE		 (1u << 17)
#define CPUID_80000001_ECX_TBM		 (1u << 21)
#define CPUID_80000001_ECX_TOPOEXT	 (1u << 22)
#define CPUID_80000001_ECX_PERFCTR_CORE	 (1u << 23)
#define CPUID_80000001_ECX_PERFCTR_NB	 (1u << 24)
#define CPUID_80000001_ECX_DBEXT	 (1u << 26)
#define CPUID_80000001_ECX_PERFTSC	 (1u << 27)
#define CPUID_80000001_ECX_PERFCTR_LLC	 (1u << 28)
#define CPUID_80000001_ECX_MONITORX	 (1u << 29)
#define CPUID_80000001_ECX_ADDR_MASK_EXT (1u << 30)

#define CPUID_80000001_EDX_SYSCALL  (1u << 11)
#define CPUID_80000001_EDX_NX	    (1u << 20)
#define CPUID_80000001_EDX_MMXEXT   (1u << 22)
#define CPUID_80000001_EDX_FFXSR    (1u << 25)
#define CPUID_80000001_EDX_PAGE1GB  (1u << 26)
#define CPUID_80000001_EDX_RDTSCP   (1u << 27)
#define CPUID_80000001_EDX_LM	    (1u << 29)
#define CPUID_80000001_EDX_3DNOWEXT (1u << 30)
#define CPUID_80000001_EDX_3DNOW    (1u << 31)
/* On AMD's, EDX repeats these bits of leaf 1's EDX. */
#define CPUID_80000001_EDX_REPEATED 0x0183f3ffu

/* 80000007 */
#define CPUID_80000007_EDX_INVARIANT_TSC (1u << 8)

/* 80000008 */
#define CPUID_80000008_EAX_PHYSICAL	    0xffu
#define CPUID_80000008_EAX_LINEAR_SHIFT	    8
#define CPUID_80000008_EAX_GUEST_SHIFT	    16
#define CPUID_80000008_EBX_CLZERO	    (1u << 0)
#define CPUID_80000008_EBX_INSTRETCNT	    (1u << 1)
#define CPUID_80000008_EBX_RSTRFPERRPTRS    (1u << 2)
#define CPUID_80000008_EBX_INVLPGB	    (1u << 3)
#define CPUID_80000008_EBX_RDPRU	    (1u << 4)
#define CPUID_80000008_EBX_WBNOINVD	    (1u << 9)
#define CPUID_80000008_EBX_IBPB		    (1u << 12)
#define CPUID_80000008_EBX_INT_WBINVD	    (1u << 13)
#define CPUID_80000008_EBX_IBRS		    (1u << 14)
#define CPUID_80000008_EBX_STIBP	    (1u << 15)
#define CPUID_80000008_EBX_IBRS_ALWAYS	    (1u << 16)
#define CPUID_80000008_EBX_STIBP_ALWAYS	    (1u << 17)
#define CPUID_80000008_EBX_IBRS_PREFERRED   (1u << 18)
#define CPUID_80000008_EBX_IBRS_SAME_MODE   (1u << 19)
#define CPUID_80000008_EBX_EFER_LMSLE_UNSUP (1u << 20)
#define CPUID_80000008_EBX_SSBD		    (1u << 24)
#define CPUID_80000008_EBX_VIRT_SSBD	    (1u << 25)
#define CPUID_80000008_EBX_SSB_NO	    (1u << 26)
#define CPUID_80000008_EBX_PSFD		    (1u << 28)
#define CPUID_80000008_EBX_BTC_NO	    (1u << 29)
#define CPUID_80000008_ECX_COUNT	    0xffu /* logical CPUs in the package, less 1 */
#define CPUID_80000008_ECX_ID_SIZE_SHIFT    12

/* 8000000A: SVM. EAX 7:0 revision, EBX number of ASIDs. */
#define CPUID_8000000A_EAX_REVISION	     0xffu
#define CPUID_8000000A_EDX_NP		     (1u << 0)
#define CPUID_8000000A_EDX_LBR_VIRT	     (1u << 1)
#define CPUID_8000000A_EDX_SVML		     (1u << 2)
#define CPUID_8000000A_EDX_NRIPS	     (1u << 3)
#define CPUID_8000000A_EDX_TSC_RATE_MSR	     (1u << 4)
#define CPUID_8000000A_EDX_VMCB_CLEAN	     (1u << 5)
#define CPUID_8000000A_EDX_FLUSH_BY_ASID     (1u << 6)
#define CPUID_8000000A_EDX_DECODE_ASSISTS    (1u << 7)
#define CPUID_8000000A_EDX_PAUSE_FILTER	     (1u << 10)
#define CPUID_8000000A_EDX_PAUSE_THRESHOLD   (1u << 12)
#define CPUID_8000000A_EDX_AVIC		     (1u << 13)
#define CPUID_8000000A_EDX_VMSAVE_VIRT	     (1u << 15)
#define CPUID_8000000A_EDX_VGIF		     (1u << 16)
#define CPUID_8000000A_EDX_GMET		     (1u << 17)
#define CPUID_8000000A_EDX_X2AVIC	     (1u << 18)
#define CPUID_8000000A_EDX_SSS_CHECK	     (1u << 19)
#define CPUID_8000000A_EDX_SPEC_CTRL	     (1u << 20)
#define CPUID_8000000A_EDX_HOST_MCE_OVERRIDE (1u << 23)
#define CPUID_8000000A_EDX_TLBI_CTL	     (1u << 24)
#define CPUID_8000000A_EDX_VNMI		     (1u << 25)
#define CPUID_8000000A_EDX_IBS_VIRT	     (1u << 26)

/* 80000021 */
#define CPUID_80000021_EAX_NO_NESTED_DATA_BP	(1u << 0)
#define CPUID_80000021_EAX_LFENCE_SERIALIZING	(1u << 2)
#define CPUID_80000021_EAX_SMM_PG_CFG_LOCK	(1u << 3)
#define CPUID_80000021_EAX_NULL_SEL_CLEARS	(1u << 6)
#define CPUID_80000021_EAX_UPPER_ADDRESS_IGNORE (1u << 7)
#define CPUID_80000021_EAX_AUTO_IBRS		(1u << 8)
#define CPUID_80000021_EAX_NO_SMM_CTL_MSR	(1u << 9)
#define CPUID_80000021_EAX_FSRS			(1u << 10)
#define CPUID_80000021_EAX_FSRC			(1u << 11)

#endif
