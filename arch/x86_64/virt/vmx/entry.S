/* SPDX-License-Identifier: MIT */
/*
 * The world switch. The one idea: the stack pointer walks over the vCPU's array of registers, so
 * that POP loads and PUSH stores the guest's with neither a scratch register nor an offset. That
 * needs an array at the start of struct virt_vcpu in the order of the encoding (vcpu.c asserts it),
 * and NMI and #MC handlers with stacks of their own. The guest's RSP is in the VMCS, so its place in
 * the array keeps the host's meanwhile. HOST_RSP is the end of the array.
 */
#define GPR_RSP (4 * 8)
#define GPRS_END (16 * 8)

/*
 * RDI is the vCPU. Comes back with RDI as it was, EAX 0 after an exit and 1 when the instruction
 * failed, RBP and RSP kept, and nothing else: what the caller needs of the other registers, the
 * compiler has saved once already.
 */
	.macro	ENTER name, instruction
	.globl	\name
	.type	\name, @function
\name:
	pushq	%rbp
	movq	%rsp, GPR_RSP(%rdi)
	movq	%rdi, %rsp
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rbx
	leaq	8(%rsp), %rsp
	popq	%rbp
	popq	%rsi
	popq	%rdi
	popq	%r8
	popq	%r9
	popq	%r10
	popq	%r11
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	\instruction
	jmp	failed
	.size	\name, . - \name
	.endm

	.text
	ENTER	vmx_launch, vmlaunch
	ENTER	vmx_resume, vmresume

	/* Still here: the array is as it was but for RSP. */
failed:	leaq	-GPRS_END(%rsp), %rdi
	movq	GPR_RSP(%rdi), %rsp
	movl	$1, %eax
	popq	%rbp
	ret

	.globl	vmx_exit
	.type	vmx_exit, @function
vmx_exit:
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%r11
	pushq	%r10
	pushq	%r9
	pushq	%r8
	pushq	%rdi
	pushq	%rsi
	pushq	%rbp
	leaq	-8(%rsp), %rsp
	pushq	%rbx
	pushq	%rdx
	pushq	%rcx
	pushq	%rax
	movq	%rsp, %rdi
	movq	GPR_RSP(%rdi), %rsp
	xorl	%eax, %eax
	popq	%rbp
	ret
	.size	vmx_exit, . - vmx_exit
