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

	.text
	.globl	vmx_enter
	.type	vmx_enter, @function
/* int vmx_enter(struct virt_vcpu *v, bool launched) */
vmx_enter:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, GPR_RSP(%rdi)
	testb	%sil, %sil	/* neither POP nor LEA changes flags */
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
	jz	1f
	vmresume
	jmp	2f
1:	vmlaunch
2:	/* Still here: it failed, and the array is as it was but for RSP. */
	movq	GPR_RSP - GPRS_END(%rsp), %rsp
	movl	$1, %eax
	jmp	3f

	.globl	vmx_exit
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
	movq	GPR_RSP(%rsp), %rsp
	xorl	%eax, %eax
3:	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size	vmx_enter, . - vmx_enter
