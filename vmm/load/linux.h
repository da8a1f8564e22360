/* SPDX-License-Identifier: MIT */
/*
 * Linux's boot protocol: the setup header in a bzImage and the "zero page" that its 32-bit and
 * 64-bit entries are given (Linux, Documentation/arch/x86/boot.rst and zero-page.rst).
 */
#ifndef VMM_LOAD_LINUX_H
#define VMM_LOAD_LINUX_H

#include "vmm/load/e820.h"

enum {
	LINUX_HEADER = 0x1f1,	/* offset of the setup header, in the file and in the zero page */
	LINUX_JUMP_END = 0x202, /* from here counts the byte at LINUX_JUMP: where the header ends */
	LINUX_JUMP = 0x201,
	LINUX_SECTOR = 512,
	LINUX_SETUP_SECTS_DEFAULT = 4, /* what setup_sects 0 means */
	LINUX_PARAGRAPH = 16,	       /* syssize counts these */
	LINUX_BOOT_FLAG = 0xaa55,
	LINUX_MAGIC = 0x53726448,    /* "HdrS" */
	LINUX_VERSION_MIN = 0x20a,   /* 2.10: the first with pref_address and init_size */
	LINUX_VERSION_XLF = 0x20c,   /* 2.12: the first with xloadflags */
	LINUX_LOADER_UNKNOWN = 0xff, /* type_of_loader: one without a number of its own */
	LINUX_VIDEO_NORMAL = 0xffff, /* vid_mode */
	LINUX_ENTRY_64 = 0x200,	     /* from the start of the protected-mode kernel */
	LINUX_ZERO_PAGE_E820 = 128,  /* entries that the zero page has room for */
};

enum linux_loadflags { LINUX_LOADED_HIGH = 1 << 0 };
enum linux_xloadflags { LINUX_XLF_KERNEL_64 = 1 << 0 };

struct linux_header {
	uint8_t setup_sects;
	uint16_t root_flags;
	uint32_t syssize;
	uint16_t ram_size, vid_mode, root_dev, boot_flag;
	uint16_t jump;
	uint32_t header;
	uint16_t version;
	uint32_t realmode_swtch;
	uint16_t start_sys_seg, kernel_version;
	uint8_t type_of_loader, loadflags;
	uint16_t setup_move_size;
	uint32_t code32_start, ramdisk_image, ramdisk_size, bootsect_kludge;
	uint16_t heap_end_ptr;
	uint8_t ext_loader_ver, ext_loader_type;
	uint32_t cmd_line_ptr, initrd_addr_max, kernel_alignment;
	uint8_t relocatable_kernel, min_alignment;
	uint16_t xloadflags;
	uint32_t cmdline_size, hardware_subarch;
	uint64_t hardware_subarch_data;
	uint32_t payload_offset, payload_length;
	uint64_t setup_data, pref_address;
	uint32_t init_size, handover_offset, kernel_info_offset;
} packed;

struct linux_zero_page {
	uint8_t screen_info[64]; /* all zero: there is no display */
	uint8_t unused_40[48];
	uint64_t acpi_rsdp_addr;
	uint8_t unused_78[72];
	uint32_t ext_ramdisk_image, ext_ramdisk_size, ext_cmd_line_ptr;
	uint8_t unused_cc[284];
	uint8_t e820_entries;
	uint8_t unused_1e9[8];
	union {
		struct linux_header header;
		uint8_t header_area[0x290 - LINUX_HEADER];
	} packed;
	uint8_t unused_290[64];
	struct e820_entry e820_table[LINUX_ZERO_PAGE_E820];
	uint8_t unused_cd0[816];
} packed;

_Static_assert(offsetof(struct linux_header, header) == 0x202 - LINUX_HEADER, "boot.rst");
_Static_assert(offsetof(struct linux_header, code32_start) == 0x214 - LINUX_HEADER, "boot.rst");
_Static_assert(offsetof(struct linux_header, xloadflags) == 0x236 - LINUX_HEADER, "boot.rst");
_Static_assert(offsetof(struct linux_header, pref_address) == 0x258 - LINUX_HEADER, "boot.rst");
_Static_assert(offsetof(struct linux_header, kernel_info_offset) == 0x268 - LINUX_HEADER,
	       "boot.rst");
_Static_assert(offsetof(struct linux_zero_page, acpi_rsdp_addr) == 0x70, "zero-page.rst");
_Static_assert(offsetof(struct linux_zero_page, ext_ramdisk_image) == 0xc0, "zero-page.rst");
_Static_assert(offsetof(struct linux_zero_page, e820_entries) == 0x1e8, "zero-page.rst");
_Static_assert(offsetof(struct linux_zero_page, header) == LINUX_HEADER, "zero-page.rst");
_Static_assert(offsetof(struct linux_zero_page, e820_table) == 0x2d0, "zero-page.rst");
_Static_assert(sizeof(struct linux_zero_page) == PAGE_SIZE, "zero-page.rst");
_Static_assert((int)E820_ENTRIES <= (int)LINUX_ZERO_PAGE_E820, "the map fits");

#endif
