/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/gnutls_late.h"

#ifdef HAVE_GNUTLS
#include <dlfcn.h>
#include <stdbool.h>

#include "base/util.h"

#if GNUTLS_VERSION_NUMBER >= 0x030400
#define LIBRARY "libgnutls.so.30"
#else
#define LIBRARY "libgnutls.so.28"
#endif

#define NAME(name) "gnutls_" #name,
static const char *const names[] = {GNUTLS_LATE(NAME)};

static struct gnutls_late calls;
_Static_assert(sizeof(calls) == ARRAY_SIZE(names) * sizeof(void *), "one pointer for each name");

static bool
load(void)
{
	void *library = dlopen(LIBRARY, RTLD_LAZY), *found = library;

	for (size_t i = 0; i < ARRAY_SIZE(names) && found; i++) {
		found = dlsym(library, names[i]);
		memcpy((char *) &calls + i * sizeof(found), &found, sizeof(found));
	}
	return found != NULL;
}

const struct gnutls_late *
gnutls_late(void)
{
	static bool loaded;

	loaded = loaded || load();
	return loaded ? &calls : NULL;
}
#endif
