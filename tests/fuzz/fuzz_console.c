/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <stdint.h>
#include <string.h>

#include "base/util.h"
#include "collect/boot_text.h"
#include "collect/violation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Xen's console: guests have their part in what stands there. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct violation v[3];
	struct boot_text t;
	size_t n = violations_find((const char *) data, size, v, ARRAY_SIZE(v));

	boot_text_parse((const char *) data, size, &t);
	for (size_t i = 0; i < MIN(n, ARRAY_SIZE(v)); i++)
		if (strlen(v[i].line) >= sizeof(v[i].line) || (v[i].feature != FEATURE_SMAP && v[i].feature != FEATURE_SMEP))
			return 1;
	return 0;
}
