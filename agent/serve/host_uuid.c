/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/host_uuid.h"

#include "base/file.h"
#include "base/parse.h"
#include "base/util.h"
#include "metrics/record.h"

#define MAX_FILE 16384

static const struct {
	const char *path, *before; /* the UUID */
} sources[] = {
    {XAPI_INVENTORY, "INSTALLATION_UUID='"},
    {"/sys/class/dmi/id/product_uuid", ""},
};

void
host_uuid_read(const char *root, char *ret)
{
	ret[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(sources) && !*ret; i++) {
		_cleanup_(freep) char *path = xasprintf("%s%s", root, sources[i].path), *text = NULL;
		char *at = file_read(path, MAX_FILE, &text, NULL) == 0 ? strstr(text, sources[i].before) : NULL;

		if (!at)
			continue;
		at += strlen(sources[i].before);
		at[strnlen(at, UUID_SIZE - 1)] = '\0';
		if (parse_uuid(at, ret) < 0)
			ret[0] = '\0';
	}
}
