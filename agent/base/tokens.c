/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/gnutls_late.h"
#include "base/util.h"

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

#define MAX_TOKEN_FILE 4096

static const char digits[] = "0123456789abcdef";

static int
hash(const char *token, uint8_t ret[TOKEN_HASH])
{
#ifdef HAVE_GNUTLS
	const struct gnutls_late *gnutls = gnutls_late();

	if (!gnutls)
		return -ENOSYS;
	return gnutls->hash_fast(GNUTLS_DIG_SHA256, token, strlen(token), ret) < 0 ? -EIO : 0;
#else
	(void) token;
	(void) ret;
	return -ENOSYS;
#endif
}

static void
to_hex(const uint8_t *bytes, size_t n, char *ret)
{
	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = digits[bytes[i] >> 4];
		ret[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret[2 * n] = '\0';
}

static bool
from_hex(const char *text, size_t n, uint8_t ret[TOKEN_HASH])
{
	if (n != 2 * TOKEN_HASH)
		return false;
	memset(ret, 0, TOKEN_HASH);
	for (size_t i = 0; i < n; i++) {
		int c = text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i];
		const char *digit = c ? strchr(digits, c) : NULL;

		if (!digit)
			return false;
		ret[i / 2] = (uint8_t) (ret[i / 2] << 4 | (digit - digits));
	}
	return true;
}

static bool
is_name(const char *name, size_t n)
{
	return n > 0 && n < sizeof(((struct token *) NULL)->name) && strspn(name, NAME_CHARACTERS) >= n;
}

static int
add(struct tokens *t, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	size_t name = colon ? (size_t) (colon - line) : 0;
	struct token *new = &t->token[t->n];

	if (t->n == MAX_TOKENS)
		return -E2BIG;
	if (!is_name(line, name) || !from_hex(colon + 1, n - name - 1, new->hash))
		return -EINVAL;
	str_copy(new->name, name + 1, line);
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->token[i].name, new->name) == 0)
			return -EEXIST;
	t->n++;
	return 0;
}

int
tokens_parse(const char *text, struct tokens *ret, unsigned *ret_line)
{
	int r = 0;

	ret->n = 0;
	for (*ret_line = 1; r == 0 && *text; (*ret_line)++) {
		size_t line = strcspn(text, "\n"), n = line;

		while (n > 0 && strchr(" \t\r", text[n - 1]))
			n--;
		if (n > 0 && *text != '#')
			r = add(ret, text, n);
		if (r < 0)
			return r;
		text += line + (text[line] == '\n');
	}
	return 0;
}

const char *
tokens_find(const struct tokens *t, const char *token)
{
	const char *found = NULL;
	uint8_t mine[TOKEN_HASH];

	if (!*token || strnlen(token, MAX_TOKEN + 1) > MAX_TOKEN || hash(token, mine) < 0)
		return NULL;
	for (size_t i = 0; i < t->n; i++) {
		unsigned differ = 0;

		for (size_t at = 0; at < TOKEN_HASH; at++)
			differ |= (unsigned) (mine[at] ^ t->token[i].hash[at]);
		found = differ ? found : t->token[i].name;
	}
	return found;
}

int
token_new(const char *name, char ret_token[TOKEN_TEXT], char ret_line[TOKEN_LINE])
{
	_cleanup_(closep) int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	uint8_t bytes[(TOKEN_TEXT - 1) / 2], sum[TOKEN_HASH];
	char hex[2 * TOKEN_HASH + 1];
	ssize_t n;
	int r;

	if (!is_name(name, strlen(name)))
		return -EINVAL;
	n = fd < 0 ? -errno : read_at(fd, bytes, sizeof(bytes), 0);
	if (n < 0)
		return (int) n;
	if ((size_t) n < sizeof(bytes))
		return -EIO;
	to_hex(bytes, sizeof(bytes), ret_token);
	r = hash(ret_token, sum);
	if (r < 0)
		return r;
	to_hex(sum, sizeof(sum), hex);
	(void) snprintf(ret_line, TOKEN_LINE, "%s:%s", name, hex);
	return 0;
}

int
token_read(const char *path, char ret[MAX_TOKEN + 1])
{
	_cleanup_(freep) char *text = NULL;
	struct stat file;
	size_t n;
	int r;

	if (stat(path, &file) < 0)
		return -errno;
	if (file.st_mode & 0007)
		return -EPERM;
	r = file_read(path, MAX_TOKEN_FILE, &text, NULL);
	if (r < 0)
		return r;
	n = strcspn(text, "\r\n");
	if (n == 0 || n > MAX_TOKEN)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~') /* it becomes a line of HTTP */
			return -EINVAL;
	str_copy(ret, n + 1, text);
	return 0;
}
