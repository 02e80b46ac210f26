/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/commands.h"

int
main(int argc, char **argv)
{
	return xenscope_main(argc, argv);
}
