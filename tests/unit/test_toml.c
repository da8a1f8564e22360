/* SPDX-License-Identifier: MIT */
/* sources: vmm/config/toml.c vmm/config/toml_scan.c vmm/config/toml_string.c vmm/config/toml_tree.c vmm/config/toml_value.c lib/utf8.c lib/printf.c lib/str.c */
/*
 * The reader of TOML: what the specification shows for the part that is read, and each error with
 * its place and its text. A file is told as one line a table ("[a.b]") or key ("a.b=value").
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/config/toml.h"

enum { NODES = 300 };

static struct toml_node nodes[NODES];
static char told[16384];
static struct toml t;

static void tell(const char *fmt, ...)
{
	size_t used = strlen(told);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(told + used, sizeof(told) - used, fmt, ap);
	va_end(ap);
}

static void tell_value(const struct toml_value *v)
{
	struct toml_place cursor = { 0 };
	struct toml_value item;
	char text[512];
	bool first = true;

	switch (v->type) {
	case TOML_STRING:
		toml_text(&t, &v->token, text, sizeof(text));
		tell("\"%s\"", text);
		break;
	case TOML_INTEGER: tell("%ld", (long)v->integer); break;
	case TOML_BOOLEAN: tell(v->boolean ? "true" : "false"); break;
	case TOML_ARRAY:
		tell("[");
		for (; toml_item(&t, v, &cursor, &item); first = false) {
			tell(first ? "" : ",");
			tell_value(&item);
		}
		tell("]");
		break;
	}
}

static void tell_path(unsigned parts)
{
	char text[512];

	for (unsigned i = 0; i < parts; i++) {
		toml_text(&t, &t.path[i], text, sizeof(text));
		tell("%s%s", i ? "." : "", text);
	}
}

static const char *read_with(const char *text, size_t n, unsigned node_max)
{
	char *copy = malloc(n + !n);
	enum toml_event e;

	told[0] = '\0';
	memcpy(copy, text, n);
	toml_init(&t, copy, n, nodes, node_max);
	while ((e = toml_next(&t)) != TOML_END) {
		if (e == TOML_ERROR) {
			tell("%u:%u %s", t.error_place.line, toml_column(&t, &t.error_place),
			     t.error);
		} else if (e == TOML_TABLE) {
			tell("[");
			tell_path(t.table_parts);
			tell("]");
		} else {
			tell_path(t.parts);
			tell("=");
			tell_value(&t.value);
		}
		tell("\n");
	}
	assert_int_equal(toml_next(&t), TOML_END);
	free(copy);
	return told;
}

static const char *read_n(const char *text, size_t n)
{
	return read_with(text, n, NODES);
}

#define assert_reads(text, result) assert_string_equal(read_n(text, strlen(text)), result)

static void keys(void **state)
{
	(void)state;
	assert_reads("", "");
	assert_reads("# This is a full-line comment\nkey = \"value\"  # This is a comment\n"
		     "another = \"# This is not a comment\"",
		     "key=\"value\"\nanother=\"# This is not a comment\"\n");
	assert_reads("bare_key = 1\nbare-key = 2\n1234 = 3\n", "bare_key=1\nbare-key=2\n1234=3\n");
	assert_reads("\"127.0.0.1\" = 1\n\"character encoding\" = 2\n'quoted \"value\"' = 3\n",
		     "127.0.0.1=1\ncharacter encoding=2\nquoted \"value\"=3\n");
	assert_reads("\"\" = 1\n", "=1\n");
	assert_reads("physical.color = 1\nphysical.shape = 2\nsite.\"google.com\" = true\n",
		     "physical.color=1\nphysical.shape=2\nsite.google.com=true\n");
	assert_reads("fruit. color = 1\nfruit . flavor = 2\n3.14159 = 3\n",
		     "fruit.color=1\nfruit.flavor=2\n3.14159=3\n");
	assert_reads("\xef\xbb\xbfkey = 1", "key=1\n");
	assert_reads("\"\\u0061\" = 1\na = 2",
		     "a=1\n2:1 'a' is already defined: in line 1 it is a key with a value\n");
}

static void strings(void **state)
{
	(void)state;
	assert_reads("a = \"I'm a string. \\\"You can quote me\\\".\\tJos\\u00E9 \\U0001F600\"",
		     "a=\"I'm a string. \"You can quote me\".\tJos\xc3\xa9 \xf0\x9f\x98\x80\"\n");
	assert_reads("a = \"\\b\\t\\n\\f\\r\\\\\"", "a=\"\b\t\n\f\r\\\"\n");
	assert_reads("a = \"\"\"\nRoses are red\r\nViolets are blue\"\"\"",
		     "a=\"Roses are red\nViolets are blue\"\n");
	assert_reads("a = \"\"\"\\\n   The quick brown \\  \n\n\n  fox.\\\n   \"\"\"",
		     "a=\"The quick brown fox.\"\n");
	assert_reads("a = \"\"\"Here are two: \"\". Simple.\"\"\"",
		     "a=\"Here are two: \"\". Simple.\"\n");
	assert_reads("a = \"\"\"\"This,\" she said.\"\"\"\"", "a=\"\"This,\" she said.\"\"\n");
	assert_reads("a = \"\"\"\"\"\"\nb=\"\"\"\"\"\"\"\"", "a=\"\"\nb=\"\"\"\"\n");
	assert_reads("a = 'C:\\Users\\nodejs'\nb = '<\\i\\c*\\s*>'\nc=''",
		     "a=\"C:\\Users\\nodejs\"\nb=\"<\\i\\c*\\s*>\"\nc=\"\"\n");
	assert_reads(
		"a = '''\nThe first newline is\n  trimmed \\n.'''\nb = ''''That,' she said.''''",
		"a=\"The first newline is\n  trimmed \\n.\"\nb=\"'That,' she said.'\"\n");
	assert_reads("a = 'tab\there' # tab\there", "a=\"tab\there\"\n");
}

static void numbers_and_booleans(void **state)
{
	(void)state;
	assert_reads("a = +99\nb = 42\nc = 0\nd = -17\ne = -0\nf = +0",
		     "a=99\nb=42\nc=0\nd=-17\ne=0\nf=0\n");
	assert_reads("a = 1_000\nb = 5_349_221\nc = 1_2_3_4_5", "a=1000\nb=5349221\nc=12345\n");
	assert_reads("a = 0xDEADBEEF\nb = 0xdead_beef\nc = 0o01234567\nd = 0b11010110\ne = 0x00",
		     "a=3735928559\nb=3735928559\nc=342391\nd=214\ne=0\n");
	assert_reads("a = 9223372036854775807\nb = -9223372036854775808",
		     "a=9223372036854775807\nb=-9223372036854775808\n");
	assert_reads("a = true\nb = false", "a=true\nb=false\n");
}

static void arrays(void **state)
{
	(void)state;
	assert_reads("a = [ 1, 2, 3 ]\nb = []\nc = [ ]\nd = [ [ 1, 2 ], [\"a\", 'b', ] ]",
		     "a=[1,2,3]\nb=[]\nc=[]\nd=[[1,2],[\"a\",\"b\"]]\n");
	assert_reads("a = [\n  1, # one\n\n  2, # this is ok\n # end\n]\nb = [ 0.1 ]\n",
		     "a=[1,2]\n7:7 a float has no place here: strings, integers, booleans and "
		     "arrays are allowed\n");
	assert_reads("a = [[[[[[[[1]]]]]]]]", "a=[[[[[[[[1]]]]]]]]\n");
	assert_reads("a = [[[[[[[[[1]]]]]]]]]",
		     "1:13 arrays stand in each other more than 8 deep\n");
}

static void tables(void **state)
{
	(void)state;
	assert_reads("[table-1]\nkey1 = 1\n[table-2]\nkey1 = 2",
		     "[table-1]\ntable-1.key1=1\n[table-2]\ntable-2.key1=2\n");
	assert_reads("[dog.\"tater.man\"]\ntype.name = \"pug\"",
		     "[dog.tater.man]\ndog.tater.man.type.name=\"pug\"\n");
	assert_reads("[a.b.c]\n[ d.e.f ]\n[ g . h . i ]\n[ j . \"\xca\x9e\" . 'l' ]",
		     "[a.b.c]\n[d.e.f]\n[g.h.i]\n[j.\xca\x9e.l]\n");
	/* A table's own header may come after those of its tables. */
	assert_reads("[x.y.z.w]\n[x]\n[x.y]", "[x.y.z.w]\n[x]\n[x.y]\n");
	assert_reads("[fruit]\napple.color = 1\napple.taste.sweet = true\n[fruit.apple.texture]\n"
		     "smooth = true",
		     "[fruit]\nfruit.apple.color=1\nfruit.apple.taste.sweet=true\n"
		     "[fruit.apple.texture]\nfruit.apple.texture.smooth=true\n");
}

/* What the specification calls invalid: defined twice. */
static void defined_twice(void **state)
{
	(void)state;
	assert_reads("name = 1\n name = 2",
		     "name=1\n2:2 'name' is already defined: in line 1 it is a key with a value\n");
	assert_reads("[fruit]\na=1\n[fruit]\nb=1",
		     "[fruit]\nfruit.a=1\n"
		     "3:2 'fruit' is already defined: in line 1 it is a table with a header of its "
		     "own\n");
	assert_reads("[fruit]\napple = 1\n[fruit.apple]\nx=1\n[y]",
		     "[fruit]\nfruit.apple=1\n"
		     "3:8 'apple' is already defined: in line 2 it is a key with a value\n[y]\n");
	assert_reads("fruit.apple = 1\nfruit.apple.smooth = true",
		     "fruit.apple=1\n"
		     "2:7 'apple' is already defined: in line 1 it is a key with a value\n");
	assert_reads(
		"[fruit]\napple.color = 1\n[fruit.apple]\n",
		"[fruit]\nfruit.apple.color=1\n"
		"3:8 'apple' is already defined: in line 2 it is a table made by dotted keys\n");
	assert_reads("[a.b.c]\nz=9\n[a]\nb.c.t=1",
		     "[a.b.c]\na.b.c.z=9\n[a]\n4:3 'c' is already defined: in line 1 it is a table "
		     "with a header of its own\n");
	assert_reads(
		"a.b=1\na=2",
		"a.b=1\n2:1 'a' is already defined: in line 1 it is a table made by dotted keys\n");
}

/* Recognised, and refused by name. */
static void refused(void **state)
{
#define NO_PLACE " has no place here: strings, integers, booleans and arrays are allowed\n"
	static const char *const floats[] = { "1.5",  "3e2", "-0.01", "5e+22", "6.626e-34",
					      "+inf", "inf", "nan",   "1_0.0", "-nan" };
	char text[64];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(floats); i++) {
		snprintf(text, sizeof(text), "a = %s", floats[i]);
		assert_reads(text, "1:5 a float" NO_PLACE);
	}
	assert_reads("a = 1979-05-27T07:32:00Z", "1:5 a date" NO_PLACE);
	assert_reads("a = 1979-05-27 07:32:00", "1:5 a date" NO_PLACE);
	assert_reads("a = 07:32:00", "1:5 a time" NO_PLACE);
	assert_reads("a = { x = 1 }\nb = 2", "1:5 an inline table" NO_PLACE "b=2\n");
	assert_reads("[[a]]\nx = 1\n[b]",
		     "1:1 an array of tables has no place here: [name] opens a "
		     "table\n[b]\n");
}

static void wrong_statements(void **state)
{
#define A_KEY "a key (letters, digits, _ and -, or in quotes)"
	(void)state;
	assert_reads("key = # INVALID", "1:7 expected a value, found '#'\n");
	assert_reads("key =\nb = 1", "1:6 expected a value, found the end of the line\nb=1\n");
	assert_reads("key =", "1:6 expected a value, found the end of the file\n");
	assert_reads("first = 1 last = 2",
		     "1:11 expected the end of the line after the value, found 'l'\n");
	assert_reads("= 1", "1:1 expected " A_KEY ", found '='\n");
	assert_reads("key 1", "1:5 expected '=' after the key, found '1'\n");
	assert_reads("\xc3\xa9 = 1", "1:1 expected " A_KEY ", found '\xc3\xa9'\n");
	assert_reads("a. = 1", "1:4 expected " A_KEY ", found '='\n");
	assert_reads("\"\"\"a\"\"\" = 1",
		     "1:1 a key cannot be a string of several lines: one quote at "
		     "each end is enough\n");
	assert_reads("a.b.c.d.e.f.g.h.i = 1", "1:17 a key of more than 8 parts\n");
	assert_reads("[a\nb = 1", "1:3 expected '.' or ']' in the table's header, found the end of "
				  "the line\n");
	assert_reads("[]", "1:2 expected " A_KEY ", found ']'\n");
	assert_reads("[a] b = 1",
		     "1:5 expected the end of the line after the table's header, found 'b'\n");
	assert_reads("a = 1\rb = 2", "1:6 expected the end of the line after the value, found the "
				     "control character U+000D\n");
	assert_reads("# \x01", "1:3 expected the text of a comment, found the control character "
			       "U+0001\n");
	assert_reads("# \x7f", "1:3 expected the text of a comment, found the control character "
			       "U+007F\n");
	assert_reads("# \xc3\xa9\xff",
		     "1:4 expected the text of a comment, found the byte 0xff, which "
		     "is not UTF-8\n");
}

static void wrong_values(void **state)
{
	(void)state;
	assert_reads("a = 012",
		     "1:5 '012': an integer has no zeros in front (0o is for octal, 0x for "
		     "hexadecimal)\n");
	assert_reads("a = 1__0", "1:5 '1__0': an underscore stands between two digits\n");
	assert_reads("a = 1_", "1:5 '1_': an underscore stands between two digits\n");
	assert_reads("a = 0x_1", "1:5 '0x_1': an underscore stands between two digits\n");
	assert_reads("a = 0x", "1:5 '0x' has no digits\n");
	assert_reads("a = +0x1", "1:5 '+0x1': only decimal integers have a sign\n");
	assert_reads("a = 0b12",
		     "1:5 '0b12' is no integer: '2' is no digit of base 2 (text stands in "
		     "quotes)\n");
	assert_reads("a = 512M",
		     "1:5 '512M' is no integer: 'M' is no digit of base 10 (text stands in "
		     "quotes)\n");
	assert_reads("a = 9223372036854775808",
		     "1:5 '9223372036854775808' does not fit into 64 bits\n");
	assert_reads("a = -9223372036854775809",
		     "1:5 '-9223372036854775809' does not fit into 64 bits\n");
	assert_reads("a = 99999999999999999999999",
		     "1:5 '99999999999999999999999' does not fit into 64 bits\n");
	assert_reads("a = yes",
		     "1:5 'yes' is no value: text stands in quotes, and a boolean is true "
		     "or false\n");
	assert_reads("a = \"x\nb = 1",
		     "1:5 this string is not closed: expected \" before the end of "
		     "the line\nb=1\n");
	assert_reads("a = '''x\nb = 1",
		     "1:5 this string is not closed: expected ''' before the end of "
		     "the file\n");
	assert_reads("a = \"\\q\"",
		     "1:7 expected one of b t n f r \" \\ u U after the backslash (in "
		     "'\u2026' a backslash stands for itself), found 'q'\n");
	assert_reads("a = \"\\u12g4\"",
		     "1:10 expected four hexadecimal digits after \\u, found 'g'\n");
	assert_reads("a = \"\\U0001F60\"",
		     "1:15 expected eight hexadecimal digits after \\U, found '\"'\n");
	assert_reads("a = \"\\ud800\"",
		     "1:6 U+D800 is no character: up to U+D7FF, and from U+E000 to "
		     "U+10FFFF, there are some\n");
	assert_reads("a = \"\"\"x \\ y\"\"\"",
		     "1:10 a backslash before a space: at the end of a line "
		     "it joins the next one to it, and \\\\ stands for "
		     "itself\n");
	assert_reads("a = \"\x1f\"",
		     "1:6 expected the text of a string, found the control character "
		     "U+001F\n");
	assert_reads("a = 'x\xe2\x82'",
		     "1:7 expected the text of a string, found the byte 0xe2, which "
		     "is not UTF-8\n");
	assert_reads("a = [1 2]\nb = 1", "1:8 expected ',' or ']' in the array, found '2'\nb=1\n");
	assert_reads("a = [1,,2]", "1:8 expected a value, found ','\n");
	assert_reads("a = [1,\n",
		     "1:5 this array is not closed: expected ']' before the end of the "
		     "file\n");
	/* The rest of a wrong array is not taken for statements. */
	assert_reads(
		"a = [\n yes,\n \"x\",\n]\nb = 1",
		"2:2 'yes' is no value: text stands in quotes, and a boolean is true or false\n"
		"b=1\n");
}

static void bounds(void **state)
{
	char text[1024] = "";

	(void)state;
	for (int i = 0; i < 300; i++)
		strcat(text, "k");
	strcat(text, " = 1");
	assert_string_equal(read_n(text, strlen(text)), "1:1 a name of more than 255 bytes\n");
	assert_string_equal(read_with("a = 1\nb = 2\nc = 3", 17, 3),
			    "a=1\nb=2\n3:1 more than 2 keys and tables in one file\n");
	/* A NUL is a control character, and no end. */
	assert_string_equal(read_n("a = 1\0", 6),
			    "1:6 expected the end of the line after the value, "
			    "found the control character U+0000\n");
}

/* What text comes out where the buffer is small, and what messages show. */
static void texts(void **state)
{
	char small[8], shown[TOML_SHOWN];
	const char *text = "a = \"h\\u00e9h\\u00e9h\\u00e9\"\nb = \"x\\u0007\\u0085y\"\n"
			   "c = \"0123456789012345678901234567890123456789012345678901234567890\"";

	(void)state;
	toml_init(&t, text, strlen(text), nodes, NODES);
	assert_int_equal(toml_next(&t), TOML_KEY);
	assert_int_equal(toml_text(&t, &t.value.token, small, 6), 9);
	assert_string_equal(small, "h\xc3\xa9h");
	assert_true(toml_is(&t, &t.value.token, "h\xc3\xa9h\xc3\xa9h\xc3\xa9"));
	assert_false(toml_is(&t, &t.value.token, "h\xc3\xa9h\xc3\xa9h"));
	assert_false(toml_is(&t, &t.value.token, "h\xc3\xa9h\xc3\xa9h\xc3\xa9!"));
	assert_int_equal(toml_next(&t), TOML_KEY);
	toml_show(&t, &t.value.token, shown);
	assert_string_equal(shown, "x??y");
	assert_int_equal(toml_next(&t), TOML_KEY);
	toml_show(&t, &t.value.token, shown);
	assert_string_equal(shown, "01234567890123456789012345678901234567890...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),		cmocka_unit_test(strings),
		cmocka_unit_test(arrays),	cmocka_unit_test(numbers_and_booleans),
		cmocka_unit_test(tables),	cmocka_unit_test(defined_twice),
		cmocka_unit_test(refused),	cmocka_unit_test(wrong_statements),
		cmocka_unit_test(wrong_values), cmocka_unit_test(bounds),
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
