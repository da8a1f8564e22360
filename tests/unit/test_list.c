/* SPDX-License-Identifier: MIT */
/* sources: */
/* The intrusive list: order, and that every link stays right whatever is put in and taken out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/list.h"

enum { ITEMS = 16, ROUNDS = 20000 };

struct item {
	int before; /* so that the link is not the item's first byte */
	struct list link;
	bool in;
};

static struct list head;
static struct item items[ITEMS];

static int setup(void **state)
{
	(void)state;
	list_init(&head);
	for (unsigned i = 0; i < ITEMS; i++) {
		items[i] = (struct item){ .before = (int)i };
		list_init(&items[i].link);
	}
	return 0;
}

/* Both directions, against what is expected. */
static void check(const unsigned *order, unsigned n)
{
	unsigned i = 0;

	list_for_each (at, &head) {
		assert_true(i < n);
		assert_ptr_equal(container_of(at, struct item, link), &items[order[i]]);
		assert_ptr_equal(at->next->prev, at);
		assert_ptr_equal(at->prev->next, at);
		i++;
	}
	assert_int_equal(i, n);
	assert_int_equal(list_empty(&head), n == 0);
	for (struct list *at = head.prev; at != &head; at = at->prev)
		assert_ptr_equal(container_of(at, struct item, link), &items[order[--i]]);
	assert_int_equal(i, 0);
}

static void empty(void **state)
{
	(void)state;
	check(NULL, 0);
}

static void inserting_at_the_head_appends(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		list_insert_before(&head, &items[i].link);
	check((unsigned[]){ 0, 1, 2 }, 3);
}

static void inserting_before_an_item(void **state)
{
	(void)state;
	list_insert_before(&head, &items[0].link);
	list_insert_before(&items[0].link, &items[1].link);
	list_insert_before(&items[0].link, &items[2].link);
	check((unsigned[]){ 1, 2, 0 }, 3);
	list_insert_before(head.next, &items[3].link); /* becomes the first */
	check((unsigned[]){ 3, 1, 2, 0 }, 4);
}

static void removing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		list_insert_before(&head, &items[i].link);
	list_remove(&items[1].link);
	check((unsigned[]){ 0, 2, 3 }, 3);
	list_remove(&items[0].link);
	check((unsigned[]){ 2, 3 }, 2);
	list_remove(&items[3].link);
	list_remove(&items[2].link);
	check(NULL, 0);
}

static void removing_twice_does_no_harm(void **state)
{
	(void)state;
	list_insert_before(&head, &items[0].link);
	list_insert_before(&head, &items[1].link);
	list_remove(&items[0].link);
	list_remove(&items[0].link);
	assert_true(list_empty(&items[0].link));
	check((unsigned[]){ 1 }, 1);
	list_insert_before(&head, &items[0].link); /* and it can come back */
	check((unsigned[]){ 1, 0 }, 2);
}

static void two_lists_are_apart(void **state)
{
	struct list other;

	(void)state;
	list_init(&other);
	list_insert_before(&head, &items[0].link);
	list_insert_before(&other, &items[1].link);
	list_remove(&items[0].link);
	list_insert_before(&other, &items[0].link);
	check(NULL, 0);
	assert_ptr_equal(other.next, &items[1].link);
	assert_ptr_equal(other.prev, &items[0].link);
}

/* Random insertions and removals, beside an array that does the same. */
static void against_an_array(void **state)
{
	unsigned order[ITEMS], n = 0;
	uint32_t seed = 1;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned which, at;

		seed = seed * 1664525 + 1013904223;
		which = seed >> 8 & (ITEMS - 1);
		if (items[which].in) {
			for (at = 0; order[at] != which; at++)
				;
			for (n--; at < n; at++)
				order[at] = order[at + 1];
			list_remove(&items[which].link);
		} else {
			unsigned to = (seed >> 16) % (n + 1);

			list_insert_before(to == n ? &head : &items[order[to]].link,
					   &items[which].link);
			for (at = n++; at > to; at--)
				order[at] = order[at - 1];
			order[to] = which;
		}
		items[which].in = !items[which].in;
		check(order, n);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(empty, setup),
		cmocka_unit_test_setup(inserting_at_the_head_appends, setup),
		cmocka_unit_test_setup(inserting_before_an_item, setup),
		cmocka_unit_test_setup(removing, setup),
		cmocka_unit_test_setup(removing_twice_does_no_harm, setup),
		cmocka_unit_test_setup(two_lists_are_apart, setup),
		cmocka_unit_test_setup(against_an_array, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
