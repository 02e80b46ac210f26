/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PAGE_H
#define PAGE_H

#include <stdint.h>

#include "base/strbuf.h"

/* xapi and its clients copy a reply several times and show it whole: a longer answer goes out in pages. */
#define MAX_VALUE 100000u	/* bytes of an answer that goes out as it is */
#define VERSION_DIGITS 16	/* hexadecimal, lower case */
#define PAGE_BYTES (64u << 10) /* of a longer one, before they are quoted */

struct page {
	uint64_t number; /* from 1 */
	const char *version; /* of the answer that it is a page of; NULL: of any, page 1 only */
};

/* Appends the answer's text[n] as it is, or
 *     {"page":2,"pages":3,"version":"0123456789abcdef","text":"..."}
 * where all texts of one version make up the answer. -ESTALE: the answer is another one by now; -ERANGE: it has not so
 * many pages; -EINVAL: a page behind the first without the version. */
int page_add(struct strbuf *b, const char *text, size_t n, const struct page *asked);

#endif
