/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TOKENS_H
#define TOKENS_H

#include <stddef.h>
#include <stdint.h>

/* The tokens by which clients from other hosts are known. A file has a line "name:hash" for each, where hash is the
 * token's SHA-256 as 64 hexadecimal digits. Neither salt nor a slow hash: a token is 32 random bytes, which nobody
 * guesses, not a word that somebody chose. */
#define TOKEN_HASH 32	/* bytes */
#define TOKEN_TEXT 65	/* a token of ours, with its end: hexadecimal */
#define TOKEN_LINE 112	/* its line in the file, with its end */
#define MAX_TOKENS 64
#define MAX_TOKEN 256	/* characters of a token that somebody else has made */

struct token {
	char name[33]; /* letters, digits, . _ - */
	uint8_t hash[TOKEN_HASH];
};

struct tokens {
	struct token token[MAX_TOKENS];
	size_t n;
};

/* Reads a file's text; lines that are empty or begin with # are nothing. -EINVAL, -EEXIST: a name again, -E2BIG: too
 * many; then *ret_line is the line's number. */
int tokens_parse(const char *text, struct tokens *ret, unsigned *ret_line);

/* The name of the one that this is, NULL if it is none. As long for each that is none. */
const char *tokens_find(const struct tokens *t, const char *token);

/* A new one, and its line for the file without a line end. -EINVAL: not a name; -ENOSYS: built without GnuTLS; -errno:
 * no random numbers. */
int token_new(const char *name, char ret_token[TOKEN_TEXT], char ret_line[TOKEN_LINE]);

/* The token that a client shows: the first line of a file that only its owner and group may read. -EPERM: others may;
 * -EINVAL: no token; -errno. */
int token_read(const char *path, char ret[MAX_TOKEN + 1]);

#endif
