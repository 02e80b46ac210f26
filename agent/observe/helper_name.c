/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/helper_name.h"

#include <string.h>

#include "base/util.h"

#define COMM_LENGTH (sizeof(((struct event *) NULL)->comm) - 1)
#define OURS "xenscope" /* all names of ours begin so */

const char *const helper_names[HELPERS] = {
    [HELPER_LIBXL] = "libxl-save-helper", [HELPER_XENGUEST] = "xenguest", [HELPER_MANAGER] = "emu-manager"};

enum helper_name
helper_find(const char *comm)
{
	size_t n = strcspn(comm, "\n");
	unsigned i = 0;

	while (i < HELPERS &&
	    (n != MIN(strlen(helper_names[i]), COMM_LENGTH) || memcmp(comm, helper_names[i], n) != 0))
		i++;
	return (enum helper_name) i;
}

bool
event_is_ours(const struct event *e)
{
	return strncmp(e->comm, OURS, sizeof(OURS) - 1) == 0;
}
