/* SPDX-License-Identifier: MIT */
/*
 * The hardware's numbers that the test guests need, under the manuals' names. The guests keep a
 * table of their own: one that they shared with the hypervisor would share its mistakes.
 */
#ifndef GUEST_HW_H
#define GUEST_HW_H

/* Selectors of the GDT in start.S; SYSCALL and SYSRET fix the order of the first five. */
#define SEL_CODE64	0x08
#define SEL_DATA	0x10
#define SEL_USER_CODE32 0x18
#define SEL_USER_DATA	0x20
#define SEL_USER_CODE64 0x28
#define SEL_CODE32	0x30
#define SEL_CODE16	0x38
#define SEL_DATA16	0x40
#define SEL_TSS		0x48
#define SEL_NOT_PRESENT 0x58
#define SEL_CALL_ONLY	0x60 /* a code segment that can only be executed */
#define SEL_LIMIT4K	0x68 /* a data segment of 4 KiB */
#define SEL_BYTES	0x70
#define RPL3		3

/* SDM Vol. 3, "Exception and Interrupt Reference" */
#define VEC_DE	 0
#define VEC_DB	 1
#define VEC_NMI	 2
#define VEC_BP	 3
#define VEC_OF	 4
#define VEC_BR	 5
#define VEC_UD	 6
#define VEC_NM	 7
#define VEC_DF	 8
#define VEC_TS	 10
#define VEC_NP	 11
#define VEC_SS	 12
#define VEC_GP	 13
#define VEC_PF	 14
#define VEC_MF	 16
#define VEC_AC	 17
#define VEC_MC	 18
#define VEC_XM	 19
#define VEC_NONE 255 /* nothing was raised */

/* Page-fault error code */
#define PF_P	(1 << 0)
#define PF_W	(1 << 1)
#define PF_U	(1 << 2)
#define PF_RSVD (1 << 3)
#define PF_I	(1 << 4)

#define RFLAGS_CF    (1ull << 0)
#define RFLAGS_FIXED (1ull << 1)
#define RFLAGS_ZF    (1ull << 6)
#define RFLAGS_SF    (1ull << 7)
#define RFLAGS_TF    (1ull << 8)
#define RFLAGS_IF    (1ull << 9)
#define RFLAGS_DF    (1ull << 10)
#define RFLAGS_OF    (1ull << 11)
#define RFLAGS_IOPL3 (3ull << 12)
#define RFLAGS_RF    (1ull << 16)
#define RFLAGS_AC    (1ull << 18)

#define CR0_PE (1ull << 0)
#define CR0_MP (1ull << 1)
#define CR0_EM (1ull << 2)
#define CR0_TS (1ull << 3)
#define CR0_ET (1ull << 4)
#define CR0_NE (1ull << 5)
#define CR0_WP (1ull << 16)
#define CR0_AM (1ull << 18)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)

#define CR4_VME	       (1ull << 0)
#define CR4_PVI	       (1ull << 1)
#define CR4_TSD	       (1ull << 2)
#define CR4_DE	       (1ull << 3)
#define CR4_PSE	       (1ull << 4)
#define CR4_PAE	       (1ull << 5)
#define CR4_MCE	       (1ull << 6)
#define CR4_PGE	       (1ull << 7)
#define CR4_PCE	       (1ull << 8)
#define CR4_OSFXSR     (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP       (1ull << 11)
#define CR4_VMXE       (1ull << 13)
#define CR4_FSGSBASE   (1ull << 16)
#define CR4_PCIDE      (1ull << 17)
#define CR4_OSXSAVE    (1ull << 18)
#define CR4_SMEP       (1ull << 20)
#define CR4_SMAP       (1ull << 21)

#define DR6_BS	  (1ull << 14)
#define DR6_BD	  (1ull << 13)
#define DR6_FIXED 0xffff0ff0ull
#define DR7_FIXED 0x400ull
#define DR7_GD	  (1ull << 13)

/* Page-table entries */
#define PTE_P		(1ull << 0)
#define PTE_W		(1ull << 1)
#define PTE_U		(1ull << 2)
#define PTE_PWT		(1ull << 3)
#define PTE_PCD		(1ull << 4)
#define PTE_A		(1ull << 5)
#define PTE_D		(1ull << 6)
#define PTE_PS		(1ull << 7)
#define PTE_G		(1ull << 8)
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull
#define PAGE_SIZE	4096ull
#define LARGE_PAGE_SIZE 0x200000ull

/* MSRs: SDM Vol. 4; APM Vol. 2, "MSR Cross-Reference" */
#define MSR_TSC		   0x10
#define MSR_APIC_BASE	   0x1b
#define MSR_TSC_ADJUST	   0x3b
#define MSR_MTRRCAP	   0xfe
#define MSR_SYSENTER_CS	   0x174
#define MSR_SYSENTER_ESP   0x175
#define MSR_SYSENTER_EIP   0x176
#define MSR_MISC_ENABLE	   0x1a0
#define MSR_PAT		   0x277
#define MSR_MTRR_DEF_TYPE  0x2ff
#define MSR_TSC_DEADLINE   0x6e0
#define MSR_X2APIC	   0x800 /* + the register's MMIO offset / 16 */
#define MSR_EFER	   0xc0000080
#define MSR_STAR	   0xc0000081
#define MSR_LSTAR	   0xc0000082
#define MSR_CSTAR	   0xc0000083
#define MSR_SFMASK	   0xc0000084
#define MSR_FS_BASE	   0xc0000100
#define MSR_GS_BASE	   0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX	   0xc0000103
#define EFER_SCE	   (1ull << 0)
#define EFER_LME	   (1ull << 8)
#define EFER_LMA	   (1ull << 10)
#define EFER_NXE	   (1ull << 11)
#define EFER_SVME	   (1ull << 12)
#define APIC_BASE_BSP	   (1ull << 8)
#define APIC_BASE_EXTD	   (1ull << 10)
#define APIC_BASE_EN	   (1ull << 11)

/* The local APIC: SDM Vol. 3, "Advanced Programmable Interrupt Controller" */
#define LAPIC_BASE	     0xfee00000ull
#define LAPIC_ID	     0x020
#define LAPIC_VERSION	     0x030
#define LAPIC_TPR	     0x080
#define LAPIC_PPR	     0x0a0
#define LAPIC_EOI	     0x0b0
#define LAPIC_LDR	     0x0d0
#define LAPIC_DFR	     0x0e0
#define LAPIC_SVR	     0x0f0
#define LAPIC_ISR	     0x100
#define LAPIC_TMR	     0x180
#define LAPIC_IRR	     0x200
#define LAPIC_ESR	     0x280
#define LAPIC_ICR	     0x300
#define LAPIC_ICR_HIGH	     0x310
#define LAPIC_LVT_TIMER	     0x320
#define LAPIC_LVT_LINT0	     0x350
#define LAPIC_LVT_LINT1	     0x360
#define LAPIC_LVT_ERROR	     0x370
#define LAPIC_TIMER_INIT     0x380
#define LAPIC_TIMER_CURRENT  0x390
#define LAPIC_TIMER_DIVIDE   0x3e0
#define LAPIC_SELF_IPI	     0x3f0 /* x2APIC only */
#define SVR_ENABLE	     (1 << 8)
#define LVT_MASKED	     (1 << 16)
#define LVT_EXTINT	     (7 << 8)
#define LVT_NMI		     (4 << 8)
#define LVT_PERIODIC	     (1 << 17)
#define LVT_TSC_DEADLINE     (2 << 17)
#define ICR_NMI		     (4 << 8)
#define ICR_LOWEST	     (1 << 8)
#define ICR_INIT	     (5 << 8)
#define ICR_SIPI	     (6 << 8)
#define ICR_LOGICAL	     (1 << 11)
#define ICR_PENDING	     (1 << 12)
#define ICR_ASSERT	     (1 << 14)
#define ICR_LEVEL	     (1 << 15)
#define ICR_SELF	     (1 << 18)
#define ICR_ALL		     (2 << 18)
#define ICR_OTHERS	     (3 << 18)
#define ESR_SEND_ILLEGAL     (1 << 5)
#define ESR_RECV_ILLEGAL     (1 << 6)
#define ESR_ILLEGAL_REGISTER (1 << 7)
#define TIMER_DIVIDE_BY_1    0xb

/* Intel 82093AA, "IOAPIC Registers" */
#define IOAPIC_BASE	 0xfec00000ull
#define IOREGSEL	 0x00
#define IOWIN		 0x10
#define IOAPIC_ID	 0x00
#define IOAPIC_VER	 0x01
#define IOAPIC_REDTBL	 0x10
#define REDIR_LOW_ACTIVE (1 << 13)
#define REDIR_REMOTE_IRR (1 << 14)
#define REDIR_LEVEL	 (1 << 15)
#define REDIR_MASKED	 (1 << 16)

/* Ports of a PC */
#define PIC1_CMD	    0x20
#define PIC1_DATA	    0x21
#define PIT_CH0		    0x40
#define PIT_CH2		    0x42
#define PIT_CMD		    0x43
#define I8042_DATA	    0x60
#define PORT_61		    0x61
#define I8042_STATUS	    0x64
#define I8042_CMD	    0x64
#define CMOS_INDEX	    0x70
#define CMOS_DATA	    0x71
#define PORT_92		    0x92
#define PIC2_CMD	    0xa0
#define PIC2_DATA	    0xa1
#define PORT_EXIT	    0xf4
#define PORT_UNCLAIMED	    0x1ff
#define COM1		    0x3f8
#define UART_DATA	    0
#define UART_IER	    1
#define UART_IIR	    2
#define UART_FCR	    2
#define UART_LCR	    3
#define UART_MCR	    4
#define UART_LSR	    5
#define UART_MSR	    6
#define UART_SCR	    7
#define LSR_DR		    0x01
#define LSR_OE		    0x02
#define LSR_THRE	    0x20
#define LSR_TEMT	    0x40
#define PCI_ADDRESS	    0xcf8
#define PORT_CF9	    0xcf9
#define PCI_DATA	    0xcfc
#define PORT_BOCHS_SHUTDOWN 0x8900

#define PIT_HZ	   1193182ull
#define PMTIMER_HZ 3579545ull

#endif
