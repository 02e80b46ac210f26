/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PAGE_H
#define PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* The layout of a page that xcp-rrdd reads, its protocol V2: a head, the time, a value of 8 bytes for each source, and
 * the sources described in JSON. */

/* Bytes that so many values with so much JSON need. */
size_t page_size(size_t values, size_t json);

/* Writes values and JSON, NULL: it is as before, into the page that is open for writing. value: the bits of each, in
 * the order of the JSON; time: seconds since 1970. Who reads meanwhile finds a wrong checksum, or all as it was, or all
 * as it is. -errno; then the page is not to be used any more. */
int page_write(int fd, double time, const uint64_t *value, uint32_t n, const struct strbuf *json);

#endif
