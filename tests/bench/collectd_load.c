/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plugin of collectd: hands over domains with ten values each, the cheapest way it has. Option
 * Domains. */
#include "collectd.h"

#include "plugin.h"

#define VALUES 10

static int domains = 1000;
static long tick;

static int
load_read(void)
{
	value_t value[VALUES];
	value_list_t list = VALUE_LIST_INIT;

	tick++;
	list.values = value;
	list.values_len = VALUES;
	snprintf(list.plugin, sizeof(list.plugin), "xen");
	snprintf(list.type, sizeof(list.type), "xen_load");
	for (int d = 0; d < domains; d++) {
		for (int i = 0; i < VALUES; i++)
			if (i < 5)
				value[i].derive = tick * (1000 + d * 3);
			else
				value[i].gauge = (double) (1 + (tick * 37 + d * 11) % 4096);
		snprintf(list.plugin_instance, sizeof(list.plugin_instance), "%06d", d);
		plugin_dispatch_values(&list);
	}
	return 0;
}

static int
load_config(const char *key, const char *value)
{
	if (strcasecmp(key, "Domains") == 0)
		domains = atoi(value);
	return 0;
}

static const char *keys[] = {"Domains"};

void module_register(void);

void
module_register(void)
{
	plugin_register_config("collectd_load", load_config, keys, 1);
	plugin_register_read("collectd_load", load_read);
}
