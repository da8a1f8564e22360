/* SPDX-License-Identifier: MIT */
/* Loads and stores of whole register files: the C around it uses no such registers. */
	.text
	.code64
/* void fpu_load_xmm(const void *from), fpu_store_xmm(void *to): 16 registers of 16 bytes */
	.globl	fpu_load_xmm, fpu_store_xmm, fpu_load_ymm, fpu_store_ymm, fpu_load_x87, fpu_store_x87
	.globl	fpu_load_zmm, fpu_store_zmm
	.macro	each insn, reg, size, dir
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	.if	\dir
	\insn	%\reg\n, \n * \size(%rdi)
	.else
	\insn	\n * \size(%rdi), %\reg\n
	.endif
	.endr
	.endm
fpu_load_xmm:
	each	movups, xmm, 16, 0
	ret
fpu_store_xmm:
	each	movups, xmm, 16, 1
	ret
fpu_load_ymm:
	each	vmovups, ymm, 32, 0
	ret
fpu_store_ymm:
	each	vmovups, ymm, 32, 1
	ret
fpu_load_zmm:
	each	vmovups, zmm, 64, 0
	kmovw	(%rdi), %k3
	ret
fpu_store_zmm:
	each	vmovups, zmm, 64, 1
	ret
/* Eight integers of 64 bits */
fpu_load_x87:
	fninit
	.irp	n, 7,6,5,4,3,2,1,0
	fildll	\n * 8(%rdi)
	.endr
	ret
fpu_store_x87:
	.irp	n, 0,1,2,3,4,5,6,7
	fistpll	\n * 8(%rdi)
	.endr
	ret
	.section .note.GNU-stack, "", @progbits
