/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CAPTURE_STORE_H
#define CAPTURE_STORE_H

#include "hv/capture.h"

/* Puts a JSON value into the field at p. -EBADMSG: it does not fit in kind or size; -ENOENT: a word
 * that this version does not know. */
int capture_store_number(const struct capture_field *f, char *p, const char *s, size_t n);
int capture_store_bool(const struct capture_field *f, char *p, bool v);
int capture_store_text(const struct capture_field *f, char *p, const char *s, size_t n);

#endif
