/* SPDX-License-Identifier: MIT */
/*
 * Messages between APICs (SDM 3, "Issuing Interprocessor Interrupts", "Determining IPI
 * Destination"). Senders do not know the mode that a receiver is in: each vCPU is asked whether a
 * message means it, by its own ID, logical ID and model.
 */
#include "vmm/dev/vlapic_regs.h"

enum {
	X2APIC_MEMBERS = 0xffff,     /* of a cluster: one bit each */
	X2APIC_CLUSTER_ID_SHIFT = 4, /* of an ID: 16 to a cluster */
	X2APIC_MEMBER_ID = 0xf,
	CLUSTER_SHIFT = 4, /* xAPIC's cluster model: cluster 7:4, members 3:0 */
	CLUSTER_MEMBERS = 0xf,
	CLUSTER_ALL = 0xf,
};

uint32_t vlapic_x2apic_ldr(uint32_t id)
{
	return (id >> X2APIC_CLUSTER_ID_SHIFT) << X2APIC_DEST_CLUSTER_SHIFT |
	       1u << (id & X2APIC_MEMBER_ID);
}

static bool x2apic_matches(const struct vcpu *v, const struct apic_message *m)
{
	uint32_t ldr = vlapic_x2apic_ldr(v->id);

	if (m->dest == (m->x2apic ? X2APIC_DEST_ALL : APIC_DEST_ALL))
		return true;
	if (!m->logical)
		return m->dest == v->id;
	return m->dest >> X2APIC_DEST_CLUSTER_SHIFT == ldr >> X2APIC_DEST_CLUSTER_SHIFT &&
	       (m->dest & ldr & X2APIC_MEMBERS);
}

static bool xapic_matches(const struct vcpu *v, const struct apic_message *m)
{
	uint8_t ldr = vlapic_get(v, APIC_LDR) >> APIC_ID_SHIFT;

	if (m->dest == (m->x2apic ? X2APIC_DEST_ALL : APIC_DEST_ALL))
		return true;
	if (m->dest > APIC_DEST_ALL)
		return false;
	if (!m->logical)
		return m->dest == v->id;
	if (vlapic_get(v, APIC_DFR) == APIC_DFR_FLAT)
		return m->dest & ldr;
	return (m->dest >> CLUSTER_SHIFT == CLUSTER_ALL ||
		m->dest >> CLUSTER_SHIFT == ldr >> CLUSTER_SHIFT) &&
	       (m->dest & ldr & CLUSTER_MEMBERS);
}

static bool message_matches(const struct vcpu *v, const struct apic_message *m)
{
	if (!vlapic_enabled(v))
		return false;
	return vlapic_x2apic(v) ? x2apic_matches(v, m) : xapic_matches(v, m);
}

/* Whether v took it. */
static bool message_take(struct vcpu *v, const struct apic_message *m)
{
	switch (m->mode) {
	case APIC_MODE_FIXED:
	case APIC_MODE_LOWEST:
		if (!vlapic_switched_on(v))
			return false;
		vlapic_take_fixed(v, m->vector, m->level);
		return true;
	case APIC_MODE_NMI: vcpu_request(v, REQUEST_NMI); return true;
	case APIC_MODE_INIT: vcpu_request(v, REQUEST_INIT); return true;
	case APIC_MODE_SIPI: vcpu_request_sipi(v, m->vector); return true;
	default:
		/* No system management mode; ExtINT needs an INTA cycle, which only LINT0 has. */
		return false;
	}
}

/*
 * The one among those that m means whose work is the least urgent; NULL: there is none. Of several
 * the first one after the last choice: so they take turns.
 */
static struct vcpu *lowest_priority(struct vm *vm, const struct apic_message *m)
{
	unsigned turn = __atomic_fetch_add(&vm->lowest_turn, 1, __ATOMIC_RELAXED);
	struct vcpu *best = NULL;

	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *v = vm->vcpus[(turn + i) % vm->vcpu_count];

		if (!message_matches(v, m) || !vlapic_switched_on(v))
			continue;
		if (!best || vlapic_priority(v) < vlapic_priority(best))
			best = v;
	}
	return best;
}

unsigned vlapic_deliver(struct vm *vm, const struct apic_message *m)
{
	unsigned taken = 0;

	if (m->mode == APIC_MODE_LOWEST) {
		struct vcpu *v = lowest_priority(vm, m);

		return v && message_take(v, m);
	}
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		if (message_matches(vm->vcpus[i], m))
			taken += message_take(vm->vcpus[i], m);
	return taken;
}

void vlapic_send_self(struct vcpu *v, uint8_t vector)
{
	if (unlikely(vector < APIC_FIRST_VECTOR)) {
		vlapic_error(v, APIC_ESR_SEND_VECTOR);
		vlapic_error(v, APIC_ESR_RECEIVE_VECTOR);
	} else if (likely(vlapic_switched_on(v))) {
		vlapic_request(v, vector, false);
		vlapic_kick_self(v);
	}
}

static void send_shorthand(struct vcpu *v, const struct apic_message *m, uint32_t shorthand)
{
	struct vm *vm = v->vm;

	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		bool self = vm->vcpus[i] == v;

		if (self ? shorthand == APIC_ICR_OTHERS : shorthand == APIC_ICR_SELF)
			continue;
		if (vlapic_enabled(vm->vcpus[i]))
			message_take(vm->vcpus[i], m);
	}
}

/* Any message but a fixed one to oneself. */
static __attribute__((noinline)) void send_message(struct vcpu *v, uint32_t icr_low, uint32_t dest)
{
	uint32_t shorthand = icr_low & APIC_ICR_SHORTHAND;
	struct apic_message m = {
		.dest = dest,
		.vector = icr_low & APIC_ICR_VECTOR,
		.mode = (icr_low & APIC_ICR_MODE) >> APIC_MODE_SHIFT,
		.logical = icr_low & APIC_ICR_LOGICAL,
		.x2apic = vlapic_x2apic(v),
	};

	/* The trigger mode means something only here: an INIT that is taken back does nothing. */
	if (m.mode == APIC_MODE_INIT && icr_low & APIC_ICR_LEVEL && !(icr_low & APIC_ICR_ASSERT))
		return;
	/* Nor is there an INIT or a SIPI to oneself by shorthand (SDM 3, "Valid Combinations"). */
	if ((m.mode == APIC_MODE_INIT || m.mode == APIC_MODE_SIPI) &&
	    (shorthand == APIC_ICR_SELF || shorthand == APIC_ICR_ALL))
		return;
	if (m.mode <= APIC_MODE_LOWEST && m.vector < APIC_FIRST_VECTOR)
		vlapic_error(v, APIC_ESR_SEND_VECTOR);
	if (shorthand)
		send_shorthand(v, &m, shorthand);
	else
		vlapic_deliver(v->vm, &m);
}

void vlapic_send(struct vcpu *v, uint32_t icr_low, uint32_t dest)
{
	/* APIC_MODE_FIXED is 0. */
	if ((icr_low & (APIC_ICR_SHORTHAND | APIC_ICR_MODE)) == APIC_ICR_SELF)
		vlapic_send_self(v, icr_low & APIC_ICR_VECTOR);
	else
		send_message(v, icr_low, dest);
}
