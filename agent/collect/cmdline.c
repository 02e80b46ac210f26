/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "collect/cmdline.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "base/util.h"

/* The names within the options that take lists. */
static const struct {
	const char *option, *name;
	enum cmdline_key key;
} list_names[] = {
    {"ept", "pml", CMDLINE_EPT_PML},
    {"ept", "ad", CMDLINE_EPT_AD},
    {"cet", "shstk", CMDLINE_CET_SHSTK},
    {"cet", "ibt", CMDLINE_CET_IBT},
#define FEATURE(id, name, word, bit, cr4, cpuid, title)                                            \
	{"cpuid", cpuid, (enum cmdline_key)(CMDLINE_CPUID + FEATURE_##id)},
#include "metrics/features.def"
};

/* CHOICE_NONE: not one of Xen's words for yes and no. */
static enum choice
word_choice(const char *s, size_t n)
{
	static const char *const words[][2] = {
	    {"no", "yes"}, {"off", "on"}, {"false", "true"}, {"disable", "enable"}, {"0", "1"}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		for (int yes = 0; yes < 2; yes++)
			if (strlen(words[i][yes]) == n && memcmp(words[i][yes], s, n) == 0)
				return yes ? CHOICE_YES : CHOICE_NO;
	return CHOICE_NONE;
}

/* One part of a list: name, no-name or name=word. Behind a word Xen does not look at "no-" any
 * more. */
static enum choice
part_choice(const char *name, const char *s, size_t n)
{
	size_t length = strlen(name);
	bool negated = n >= 3 && memcmp(s, "no-", 3) == 0;

	if (negated) {
		s += 3;
		n -= 3;
	}
	if (n < length || memcmp(s, name, length) != 0)
		return CHOICE_NONE;
	if (n == length)
		return negated ? CHOICE_NO : CHOICE_YES;
	return s[length] == '=' ? word_choice(s + length + 1, n - length - 1) : CHOICE_NONE;
}

static void
decide(struct cmdline *c, enum cmdline_key key, enum choice choice, const char *text)
{
	c->choice[key] = choice;
	utf8_clean(c->text[key], sizeof(c->text[key]), text);
}

/* Parts that Xen does not know are errors to it, but the others count. */
static void
apply_list(struct cmdline *c, const char *option, const char *s)
{
	for (;;) {
		size_t n = strcspn(s, ",");

		for (size_t i = 0; i < ARRAY_SIZE(list_names); i++) {
			enum cmdline_key key = list_names[i].key;
			enum choice choice = CHOICE_NONE;
			char text[MAX_PARAM];

			if (strcmp(list_names[i].option, option) == 0)
				choice = part_choice(list_names[i].name, s, n);
			/* cpuid= clears for good: to name a feature later does not bring it back */
			if (choice == CHOICE_NONE || (choice == CHOICE_YES && key >= CMDLINE_CPUID))
				continue;
			(void) snprintf(text, sizeof(text), "%s=%.*s", option, (int) n, s);
			decide(c, key, choice, text);
		}
		if (s[n] == '\0')
			return;
		s += n + 1;
	}
}

static void
apply_supervisor(struct cmdline *c, enum cmdline_key key, const char *value, const char *text)
{
	enum choice choice = *value ? word_choice(value, strlen(value)) : CHOICE_YES;

	if (strcmp(value, "hvm") == 0)
		choice = CHOICE_HVM;
	if (choice != CHOICE_NONE) /* an invalid value leaves the earlier one in force */
		decide(c, key, choice, text);
}

static void
apply_bool(struct cmdline *c, enum cmdline_key key, bool negated, const char *value,
    const char *text)
{
	enum choice choice = *value ? word_choice(value, strlen(value)) : CHOICE_YES;

	if (choice == CHOICE_NONE)
		return;
	decide(c, key, (choice == CHOICE_YES) != negated ? CHOICE_YES : CHOICE_NO, text);
}

static void
apply_option(struct cmdline *c, const char *text)
{
	char copy[MAX_PARAM], *key = copy, *value;
	const char *custom;
	bool negated;

	str_copy(copy, sizeof(copy), text);
	value = strchr(copy, '=');
	if (value)
		*value++ = '\0';
	else
		value = copy + strlen(copy);
	negated = strncmp(key, "no-", 3) == 0;
	if (negated)
		key += 3;
	if (strcmp(key, "hap") == 0) {
		apply_bool(c, CMDLINE_HAP, negated, value, text);
		return;
	}
	if (negated && *value) /* invalid to options with a parser of their own */
		return;
	custom = negated ? "no" : value;
	if (strcmp(key, "smap") == 0)
		apply_supervisor(c, CMDLINE_SMAP, custom, text);
	else if (strcmp(key, "smep") == 0)
		apply_supervisor(c, CMDLINE_SMEP, custom, text);
	else
		apply_list(c, key, custom);
}

void
cmdline_apply(struct cmdline *c, const char *line)
{
	const char *end = strstr(line, " -- "); /* what follows is Dom0's */

	if (!end)
		end = line + strlen(line);
	while (line < end) {
		char option[MAX_PARAM];
		size_t n = 0;

		for (; line < end && *line != ' '; line++)
			if (n < sizeof(option) - 1)
				option[n++] = *line;
		option[n] = '\0';
		if (n)
			apply_option(c, option);
		while (line < end && *line == ' ')
			line++;
	}
}
