/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "notify/boot_memory.h"

#include <errno.h>
#include <jansson.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/util.h"

#define MAX_FILE 16384

/* A word of 0 ... last by its name; the first one, which is unknown, where there is none. */
static unsigned
word(const json_t *v, unsigned last, const char *(*name)(unsigned))
{
	const char *text = json_string_value(v);
	unsigned i = last;

	while (i > 0 && (!text || strcmp(text, name(i)) != 0))
		i--;
	return i;
}

static const char *
tristate_word(unsigned i)
{
	return tristate_name((enum tristate) i);
}

static const char *
pml_word(unsigned i)
{
	return pml_state_name((enum pml_state) i);
}

static uint64_t
number(const json_t *root, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(root, key));

	return n > 0 ? (uint64_t) n : 0;
}

int
boot_memory_read(const char *path, struct boot_memory *ret)
{
	_cleanup_(freep) char *text = NULL;
	const char *boot_id;
	json_t *root, *features;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = file_read(path, MAX_FILE, &text, NULL);
	if (r < 0)
		return r;
	root = json_loads(text, 0, NULL);
	features = json_object_get(root, "features");
	boot_id = json_string_value(json_object_get(root, "boot_id"));
	r = boot_id && parse_uuid(boot_id, ret->boot_id) == 0 ? 0 : -EBADMSG;
	for (size_t i = 0; r == 0 && i < FEATURE_COUNT; i++)
		for (int p = 0; p < PLACES; p++)
			ret->features.feature[i][p] = (enum tristate) word(
			    json_object_get(json_object_get(features, feature_table[i].name), feature_places[p]), YES,
			    tristate_word);
	if (r == 0) {
		ret->features.pml = (enum pml_state) word(json_object_get(root, "pml"), PML_IN_USE, pml_word);
		ret->ring_violations = (uint32_t) number(root, "ring_violations");
		ret->log_inode = number(root, "console_log_inode");
		ret->log_read = number(root, "console_log_read");
		ret->crash_time = (int64_t) number(root, "crash_time");
	}
	json_decref(root);
	return r;
}

int
boot_memory_write(const char *path, const struct boot_memory *m)
{
	_cleanup_(freep) char *text = NULL;
	json_t *root = json_object(), *features = json_object();

	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		json_t *f = json_object();

		for (int p = 0; p < PLACES; p++)
			(void) json_object_set_new(f, feature_places[p],
			    json_string(tristate_name(m->features.feature[i][p])));
		(void) json_object_set_new(features, feature_table[i].name, f);
	}
	(void) json_object_set_new(root, "boot_id", json_string(m->boot_id));
	(void) json_object_set_new(root, "features", features);
	(void) json_object_set_new(root, "pml", json_string(pml_state_name(m->features.pml)));
	(void) json_object_set_new(root, "ring_violations", json_integer(m->ring_violations));
	(void) json_object_set_new(root, "console_log_inode", json_integer((json_int_t) m->log_inode));
	(void) json_object_set_new(root, "console_log_read", json_integer((json_int_t) m->log_read));
	(void) json_object_set_new(root, "crash_time", json_integer(m->crash_time));
	text = json_dumps(root, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	json_decref(root);
	return text ? file_replace(path, text) : -ENOMEM;
}
