/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PICTURE_H
#define PICTURE_H

#include <stddef.h>
#include <stdint.h>

/* What xenscope-graph is asked to draw, one packet: this, then for each column its rows as doubles in the order of
 * time, NAN where a value is unknown. Row i holds from start + i * step to start + (i + 1) * step. The answer are
 * packets that begin with one byte, PICTURE_PART or PICTURE_END. */

#define PICTURE_MAGIC 0x31677378u /* "xsg1": another version is another number */
#define PICTURE_COLUMNS 6	  /* at most: as many colours are told apart */
#define PICTURE_ROWS 2560u	  /* at most: the longest archive, and what is not in it yet */
#define PICTURE_MAX_STEP 86400u	  /* seconds */
#define PICTURE_TEXT 160	  /* bytes of a text */

/* Of the whole picture, in pixels. */
#define PICTURE_MIN_WIDTH 240u
#define PICTURE_MAX_WIDTH 2000u
#define PICTURE_MIN_HEIGHT 120u
#define PICTURE_MAX_HEIGHT 1200u

enum picture_format { PICTURE_PNG, PICTURE_SVG, PICTURE_FORMATS };
enum picture_theme { PICTURE_LIGHT, PICTURE_DARK, PICTURE_THEMES };
enum picture_cf { PICTURE_AVERAGE, PICTURE_MIN, PICTURE_MAX, PICTURE_CFS };

struct picture {
	uint32_t magic;
	uint32_t format, theme, cf; /* of those enums; cf: what pixels make of several rows */
	uint32_t width, height;
	uint32_t n_columns, n_rows;
	uint32_t step;	/* seconds */
	uint32_t bytes; /* 1: values are bytes, of which 1024 are a KiB */
	int64_t start;	/* of the first row, a multiple of step, in seconds since 1970 */
	int64_t from, to; /* of the picture */
	char title[PICTURE_TEXT], unit[PICTURE_TEXT]; /* UTF-8, terminated; "" for none */
	char legend[PICTURE_COLUMNS][PICTURE_TEXT];   /* letters, digits and _ */
};

#define PICTURE_REQUEST_MAX (sizeof(struct picture) + PICTURE_COLUMNS * PICTURE_ROWS * sizeof(double))

/* Bytes of the whole request; 0: it is none that may be asked. */
size_t picture_bytes(const struct picture *p);

#define PICTURE_PART 'P'	      /* the next bytes of the picture */
#define PICTURE_END 'E'		      /* one byte more: how it ended */
#define PICTURE_PACKET (32u * 1024)   /* bytes of a packet, at most */
#define PICTURE_BYTES (2u * 1024 * 1024) /* bytes of a picture */

enum picture_end { PICTURE_DONE, PICTURE_FAILED, PICTURE_NOT_INSTALLED, PICTURE_LATE };

#endif
