/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMBER_H
#define MEMBER_H

#include <jansson.h>
#include <stddef.h>
#include <yajl/yajl_gen.h>

/* The members of a JSON object that are fields of a struct: one list of them serves both writing and reading. */

enum member_kind {
	TEXT,	 /* char[] */
	WORD,	 /* an enum or a bool: its word */
	COUNT,	 /* int32_t or int64_t; UNSEEN is null */
	NATURAL, /* uint32_t, uint64_t or pid_t */
	NUMBER,	 /* double; NAN is null */
	STAMP,	 /* the same: seconds since 1970; written a second time as NAME_text, which is not read back */
	RATIO,	 /* the same to six digits: made of others when it is written, never read back */
	FLAG,	 /* bool */
};

struct member {
	const char *name;
	enum member_kind kind;
	size_t at, size;
	const char *const *words;
	size_t n_words;
};

#define PLAIN(type, kind, name, field)                                                             \
	{                                                                                          \
		name, kind, offsetof(type, field), sizeof(((type *) NULL)->field), NULL, 0         \
	}
#define CHOICE(type, words, name, field)                                                           \
	{                                                                                          \
		name, WORD, offsetof(type, field), sizeof(((type *) NULL)->field), words,          \
		    ARRAY_SIZE(words)                                                              \
	}

/* s as a string, or null. */
void members_gen_text(yajl_gen g, const char *s);

/* Writes names and values into the object that is open. base: the struct. */
void members_gen(yajl_gen g, const struct member *m, size_t n, const void *base);

/* The same for members_parse alone: without NAME_text, and without what is as in before, an earlier state of the struct
 * (NULL: none). */
void members_gen_changed(yajl_gen g, const struct member *m, size_t n, const void *base, const void *before);

/* Tells names and types, the latter in the words of serve/schemas.def. */
void members_describe(
    const struct member *m, size_t n, void (*fn)(void *arg, const char *name, const char *type), void *arg);

/* Reads them; a member that is missing stays as it is. -EBADMSG: one of the wrong kind, or out of its range. */
int members_parse(const struct member *m, size_t n, void *base, const json_t *object);

#endif
