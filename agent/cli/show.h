/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SHOW_H
#define SHOW_H

#include <jansson.h>
#include <stdio.h>

struct table;

/* The agent's answers as text for a terminal of that many columns (0: no limit). What an answer lacks is shown as "-":
 * a newer or older agent may have answered. */
/* The host, its features and its migrations, as members of one object. */
void show_status(const json_t *answers, unsigned width, FILE *f);
void show_features(const json_t *features, unsigned width, FILE *f);
void show_domains(const json_t *domains, unsigned width, FILE *f);
void show_migrations(const json_t *migrations, unsigned width, FILE *f);
/* The same one by one. now: up to which one that is under way has taken, seconds since 1970; NAN: nobody knows. */
struct table *migrations_table(void);
void migrations_row(struct table *t, const json_t *migration, double now);
/* One of them: its rounds, the steps of its last phase, its downtime. */
void show_migration(const json_t *answer, unsigned width, FILE *f);
void show_events(const json_t *events, unsigned width, FILE *f);
/* When to migrate a domain. */
void show_advice(const json_t *answer, unsigned width, FILE *f);
/* What dirty tracking cost: of the newest boot, and of all. */
void show_overhead(const json_t *overhead, unsigned width, FILE *f);
void show_overhead_all(const json_t *overhead, unsigned width, FILE *f);

#endif
