/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/capture_store.h"

#include <errno.h>
#include <math.h>

#include "base/parse.h"
#include "base/util.h"

#define MAX_NUMBER 352 /* characters: the longest double with nine decimals */

static int
store_uint(uint64_t v, char *p, size_t size)
{
	uint32_t narrow = (uint32_t) v;

	if (size == sizeof(v)) {
		memcpy(p, &v, sizeof(v));
		return 0;
	}
	if (narrow != v)
		return -EBADMSG;
	memcpy(p, &narrow, sizeof(narrow));
	return 0;
}

static int
store_int(const char *text, char *p, size_t size)
{
	bool minus = *text == '-';
	uint64_t v;

	if (parse_u64(text + minus, 0, size == 8 ? INT64_MAX : INT32_MAX, &v) < 0)
		return -EBADMSG;
	v = minus ? -v : v;
	memcpy(p, &v, size); /* little endian, as all of Xen's x86 */
	return 0;
}

int
capture_store_number(const struct capture_field *f, char *p, const char *s, size_t n)
{
	char text[MAX_NUMBER];
	uint64_t v;
	double seconds;

	if (n >= sizeof(text))
		return -EBADMSG;
	memcpy(text, s, n);
	text[n] = '\0';
	switch (f->type) {
	case FIELD_UINT:
		return parse_u64(text, 0, UINT64_MAX, &v) < 0 ? -EBADMSG
							      : store_uint(v, p, f->size);
	case FIELD_INT:
		return store_int(text, p, f->size);
	case FIELD_SECONDS:
		if (parse_seconds(text, &seconds) < 0)
			return -EBADMSG;
		memcpy(p, &seconds, sizeof(seconds));
		return 0;
	default:
		return -EBADMSG;
	}
}

int
capture_store_bool(const struct capture_field *f, char *p, bool v)
{
	if (f->type != FIELD_BOOL)
		return -EBADMSG;
	*(bool *) p = v;
	return 0;
}

static int
store_name(const struct capture_field *f, char *p, const char *s, size_t n)
{
	for (size_t i = 0; i < f->n_names; i++)
		if (strlen(f->names[i]) == n && memcmp(f->names[i], s, n) == 0)
			return store_uint(i, p, f->size);
	return -ENOENT;
}

int
capture_store_text(const struct capture_field *f, char *p, const char *s, size_t n)
{
	char text[40], uuid[37];

	switch (f->type) {
	case FIELD_TEXT:
		if (n >= f->size)
			return -EBADMSG;
		memcpy(p, s, n);
		p[n] = '\0';
		return 0;
	case FIELD_NAME:
		return store_name(f, p, s, n);
	case FIELD_PATH:
		return store_uint(capture_hash(s, n), p, f->size);
	case FIELD_UUID:
	case FIELD_ERRNO:
		if (n >= sizeof(text))
			return -EBADMSG;
		memcpy(text, s, n);
		text[n] = '\0';
		if (f->type == FIELD_ERRNO)
			return capture_error_parse(text, (uint32_t *) p) < 0 ? -ENOENT : 0;
		if (parse_uuid(text, uuid) < 0)
			return -EBADMSG;
		uuid_bytes(uuid, (uint8_t *) p);
		return 0;
	default:
		return -EBADMSG;
	}
}
