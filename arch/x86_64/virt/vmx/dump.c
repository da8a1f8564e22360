/* SPDX-License-Identifier: MIT */
/* The whole VMCS, by the names of vmcs.h. */
#include "arch/x86_64/virt/vmx/vmx.h"

#include "lib/log.h"
#include "lib/printf.h"

enum { PER_LINE = 3, LINE_SIZE = 160 };

static const struct {
	uint16_t field;
	const char *name;
} fields[] = {
#define FIELD_NAME(name, number) { number, #name },
	VMCS_FIELDS(FIELD_NAME)
};

const char *vmx_field_name(enum vmcs_field field)
{
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].field == field)
			return fields[i].name;
	}
	return "a field that Plinth does not know";
}

/* False: this CPU's VMCS has no such field. */
static bool field_read(uint64_t field, uint64_t *value)
{
	bool failed;

	__asm__ volatile("vmread %2, %1" : "=@ccbe"(failed), "=r"(*value) : "r"(field));
	return !failed;
}

void vmx_dump(struct virt_vcpu *v)
{
	char line[LINE_SIZE] = "";
	unsigned used = 0, on_line = 0;
	uint64_t value;

	vmx_borrow(v);
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!field_read(fields[i].field, &value))
			continue;
		used += fmt_print(line + used, sizeof(line) - used, " %-22s %16llx", fields[i].name,
				  (unsigned long long)value);
		if (++on_line < PER_LINE)
			continue;
		log_info("vmcs:%s", line);
		used = on_line = 0;
	}
	if (on_line)
		log_info("vmcs:%s", line);
	vmx_return(v);
}
