/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "publish/page.h"

#include <endian.h>
#include <errno.h>
#include <zlib.h>

#include "base/util.h"

/* All numbers are big-endian and stand without gaps. */
#define MAGIC "DATASOURCES"
#define DATA_CRC_AT 11
#define JSON_CRC_AT 15 /* then the number of values */
#define DATA_AT 23

size_t
page_size(size_t values, size_t json)
{
	return DATA_AT + 8 + 8 * values + 4 + json;
}

static void
add32(struct strbuf *b, uint32_t v)
{
	uint32_t big = htobe32(v);

	strbuf_add(b, (const char *) &big, sizeof(big));
}

static void
add64(struct strbuf *b, uint64_t v)
{
	uint64_t big = htobe64(v);

	strbuf_add(b, (const char *) &big, sizeof(big));
}

static uint32_t
checksum(const struct strbuf *b)
{
	return (uint32_t) crc32(0, (const Bytef *) b->text, (unsigned) b->n);
}

static int
put(int fd, const char *data, size_t n, off_t at)
{
	while (n > 0) {
		ssize_t done = pwrite(fd, data, n, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		data += done;
		at += done;
		n -= (size_t) done;
	}
	return 0;
}

/* What follows the head, then of the head the part that goes with it, and last the checksum that makes it valid: until
 * then the old one stands there and does not fit. */
static int
put_all(int fd, const struct strbuf *data, const struct strbuf *head, uint32_t data_crc)
{
	uint32_t big = htobe32(data_crc);
	int r = put(fd, data->text, data->n, DATA_AT);

	if (r == 0 && head->n)
		r = put(fd, MAGIC, DATA_CRC_AT, 0);
	if (r == 0 && head->n)
		r = put(fd, head->text, head->n, JSON_CRC_AT);
	return r < 0 ? r : put(fd, (const char *) &big, sizeof(big), DATA_CRC_AT);
}

int
page_write(int fd, double time, const uint64_t *value, uint32_t n, const struct strbuf *json)
{
	struct strbuf data = {.n = 0}, head = {.n = 0};
	uint64_t bits;
	uint32_t crc;
	int r;

	memcpy(&bits, &time, sizeof(bits));
	add64(&data, bits);
	for (uint32_t i = 0; i < n; i++)
		add64(&data, value[i]);
	crc = checksum(&data);
	if (json) {
		add32(&head, checksum(json));
		add32(&head, n);
		add32(&data, (uint32_t) json->n);
		strbuf_add(&data, json->text, json->n);
	}
	r = put_all(fd, &data, &head, crc);
	strbuf_done(&data);
	strbuf_done(&head);
	return r;
}
