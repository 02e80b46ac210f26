/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PARSE_H
#define PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* A whole string as a decimal number within a range. -EINVAL: not a number; -ERANGE: outside. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* yes, no, on, off, true, false, 1, 0. -EINVAL. */
int parse_bool(const char *text, bool *ret);

/* A finite number of seconds, possibly negative or with a fraction. -EINVAL. */
int parse_seconds(const char *text, double *ret);

/* A UUID in its usual form of 36 characters, any case; ret_uuid[37] is lower case. -EINVAL. */
int parse_uuid(const char *text, char *ret_uuid);

/* The 16 bytes of a UUID that parse_uuid accepted. */
void uuid_bytes(const char *text, uint8_t *ret_bytes);

/* ret_text[37]: the UUID of 16 bytes in its usual form. */
void uuid_format(const uint8_t *uuid, char *ret_text);

#endif
