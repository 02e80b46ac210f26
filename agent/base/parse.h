/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PARSE_H
#define PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole string as a decimal number within a range. -EINVAL: not a number; -ERANGE: outside. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* yes, no, on, off, true, false, 1, 0. -EINVAL. */
int parse_bool(const char *text, bool *ret);

/* A finite number of seconds, possibly negative or with a fraction. -EINVAL. */
int parse_seconds(const char *text, double *ret);

/* Seconds since 1970, from "2026-11-03T12:00:00Z" (RFC 3339, also with a fraction and an offset), from their number, or
 * from a negative number: so long before now. -EINVAL. */
int parse_time(const char *text, double now, double *ret);
#define TIME_FORMS "a time like 2026-11-03T12:00:00Z, or seconds since 1970, or, negative, before now"

/* The words of an enum, by its values, 32 at most; NULL where a value has none. */
struct words {
	const char *const *word;
	size_t n;
};

/* The value of the word text[n]. -EINVAL. */
int words_find(const struct words *words, const char *text, size_t n);

/* Words joined by commas: a bit for each value. -EINVAL: another word, or none. */
int parse_words(const char *text, const struct words *words, uint32_t *ret_set);

/* All of them, as in "out, in, save", for a message. */
void words_list(const struct words *words, char *buf, size_t size);

/* True if the list, joined by commas, has the word text[n]. */
bool list_has(const char *list, const char *text, size_t n);

/* A UUID in its usual form of 36 characters, any case; ret_uuid[37] is lower case. -EINVAL. */
int parse_uuid(const char *text, char *ret_uuid);

/* The 16 bytes of a UUID that parse_uuid accepted. */
void uuid_bytes(const char *text, uint8_t *ret_bytes);

/* ret_text[37]: the UUID of 16 bytes in its usual form. */
void uuid_format(const uint8_t *uuid, char *ret_text);

#endif
