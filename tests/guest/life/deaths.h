/* SPDX-License-Identifier: MIT */
/* Named as the command line's "do=" has them. None of these returns, but on a machine that errs. */
#ifndef LIFE_DEATHS_H
#define LIFE_DEATHS_H

void death_triple(void);    /* a triple fault */
void death_nowhere(void);   /* code where there is no memory */
void death_apic(void);	    /* code on a device */
void death_stack(void);	    /* an exception without a stack */
void death_irq_stack(void); /* an interrupt without one */
void death_tables(void);    /* page tables where there is no memory */
void death_walk(void);	    /* page tables on a device */
void death_root(void);	    /* the root of the page tables where there is no memory */
void death_idt(void);	    /* an IDT there */
void death_tss(void);	    /* a TSS there */
void death_fpu(void);	    /* an FPU instruction on device memory */
void death_entry(void);	    /* a CR3 with which no CPU can be entered */
void death_task(void);	    /* a hardware task switch */

#endif
