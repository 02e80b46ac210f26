/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define RRDD_DIR "/dev/shm/metrics" /* where xcp-rrdd looks for pages */

enum option_id {
#define OPTION(id, ...) OPTION_##id,
#include "config/options.def"
	OPTION_COUNT
};

struct config {
	char *text[OPTION_COUNT]; /* the value as text, owned */
};

/* All options at their defaults. */
void config_init(struct config *c);
void config_done(struct config *c);

/* Sets one option. -ENOENT: no such option; -EINVAL or -ERANGE: not a value for it. */
int config_set(struct config *c, const char *name, const char *value);

/* Reads a file of lines "name = value", # comments. On failure -errno and a message for a person, with file,
 * line and the way out, in error[n]. */
int config_read(struct config *c, const char *path, char *error, size_t n);

/* For a person: what is wrong with this value of this option. */
void config_explain(const char *name, int error, char *buf, size_t n);

const char *config_text(const struct config *c, enum option_id id);
uint64_t config_number(const struct config *c, enum option_id id);
bool config_bool(const struct config *c, enum option_id id);

/* The whole configuration in the file's own format, each option with its help; all_defaults: the example file,
 * in which each line is a comment. */
void config_dump(const struct config *c, bool example, FILE *f);

/* The table as a list in mdoc, for the manual. */
void config_manual(FILE *f);

#endif
