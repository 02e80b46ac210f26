/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the build: prints the example configuration, or the manual's list of metrics, from the tables. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "metrics/metric.h"

int
main(int argc, char **argv)
{
	struct config c;

	if (argc == 2 && strcmp(argv[1], "metrics") == 0)
		return metric_dump("man") < 0;
	if (argc != 2 || strcmp(argv[1], "config") != 0) {
		(void) fprintf(stderr, "usage: print_reference config|metrics\n");
		return 2;
	}
	config_init(&c);
	config_dump(&c, true, stdout);
	config_done(&c);
	return fflush(stdout) != 0;
}
