/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent may use of rrdtool 1.4.8, and nothing more, with that version's types: what it takes as char ** later ones
 * take as const char **, or the other way round. */
#ifndef OLD_RRD_H
#define OLD_RRD_H

#include <time.h>

typedef double rrd_value_t;

typedef enum rrd_info_type { RD_I_VAL = 0, RD_I_CNT, RD_I_STR, RD_I_INT, RD_I_BLO } rrd_info_type_t;

typedef struct rrd_blob_t {
	unsigned long size;
	unsigned char *ptr;
} rrd_blob_t;

typedef union rrd_infoval {
	unsigned long u_cnt;
	rrd_value_t u_val;
	char *u_str;
	int u_int;
	rrd_blob_t u_blo;
} rrd_infoval_t;

typedef struct rrd_info_t {
	char *key;
	rrd_info_type_t type;
	rrd_infoval_t value;
	struct rrd_info_t *next;
} rrd_info_t;

int rrd_create_r(const char *path, unsigned long step, time_t last_up, int argc, const char **argv);
int rrd_update_r(const char *path, const char *sources, int argc, const char **argv);
int rrd_fetch_r(const char *path, const char *cf, time_t *start, time_t *end, unsigned long *step,
    unsigned long *n_sources, char ***names, rrd_value_t **data);
rrd_info_t *rrd_graph_v(int argc, char **argv);
void rrd_info_free(rrd_info_t *info);
void rrd_freemem(void *p);
char *rrd_strversion(void);
int rrd_test_error(void);
char *rrd_get_error(void);
void rrd_clear_error(void);

#endif
