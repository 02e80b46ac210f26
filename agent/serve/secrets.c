/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdarg.h>
#ifdef HAVE_GNUTLS
#include <gnutls/gnutls.h>
#endif

#include "base/file.h"
#include "base/util.h"

#define MAX_PEM (256u * 1024)
#define MAX_TOKEN_FILE (64u * 1024)

/* In the order of seen[]. */
static const struct {
	enum option_id option;
	const char *name;
	size_t max;
	bool secret; /* nobody else may read it */
} files[] = {
    {OPTION_tls_certificate, "tls_certificate", MAX_PEM, false},
    {OPTION_tls_key, "tls_key", MAX_PEM, true},
    {OPTION_tls_clients, "tls_clients", MAX_PEM, false},
    {OPTION_tokens, "tokens", MAX_TOKEN_FILE, true},
};
enum {CERTIFICATE, KEY, CLIENTS, TOKENS};
_Static_assert(ARRAY_SIZE(files) == ARRAY_SIZE(((struct secrets *) NULL)->seen), "a stat for each file");

static char trouble[512]; /* what is said through ret_why; one thread */

static int __attribute__((format(printf, 2, 3)))
fail(int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void) vsnprintf(trouble, sizeof(trouble), format, ap);
	va_end(ap);
	return error;
}

/* The key may stand in the certificate's file, as in xapi's own. */
static const char *
path_of(const struct config *config, size_t file)
{
	const char *path = config_text(config, files[file].option);

	return file == KEY && !*path ? config_text(config, OPTION_tls_certificate) : path;
}

/* One file into *ret, NULL where the option is empty. */
static int
read_one(const struct config *config, size_t file, struct stat *seen, char **ret)
{
	const char *path = path_of(config, file), *name = files[file].name;
	_cleanup_(closep) int fd = -1;
	int r;

	memset(seen, 0, sizeof(*seen));
	if (!*path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, seen) < 0)
		return fail(-errno, "%s: %s: %s", name, path, strerror(errno));
	if (files[file].secret && (seen->st_mode & 0027))
		return fail(-EPERM, "%s: %s can be read or written by others: chmod 600 %s", name, path, path);
	r = file_read_fd(fd, files[file].max, ret, NULL);
	return r < 0 ? fail(r, "%s: %s: %s", name, path, strerror(-r)) : 0;
}

static int
read_tokens(const struct config *config, struct secrets *s)
{
	_cleanup_(freep) char *text = NULL;
	unsigned line;
	int r = read_one(config, TOKENS, &s->seen[TOKENS], &text);

	if (r < 0 || !text)
		return r;
	r = tokens_parse(text, &s->tokens, &line);
	if (r == 0)
		return 0;
	return fail(r, "tokens: %s:%u: %s", config_text(config, OPTION_tokens), line,
	    r == -EEXIST      ? "that name was there before"
		: r == -E2BIG ? "no more than 64 tokens"
			      : "not a line name:hash as xenscope token prints it");
}

#ifdef HAVE_GNUTLS
/* What libmicrohttpd will be given, tried where the reason can still be told. */
static int
try_pair(const struct secrets *s)
{
	gnutls_certificate_credentials_t c;
	const gnutls_datum_t certificate = {(unsigned char *) s->certificate, (unsigned) strlen(s->certificate)};
	const gnutls_datum_t key = {(unsigned char *) s->key, (unsigned) strlen(s->key)};
	const gnutls_datum_t clients = {(unsigned char *) s->clients, s->clients ? (unsigned) strlen(s->clients) : 0};
	int r = gnutls_certificate_allocate_credentials(&c);

	if (r < 0)
		return fail(-ENOMEM, "tls_certificate: %s", gnutls_strerror(r));
	r = gnutls_certificate_set_x509_key_mem(c, &certificate, &key, GNUTLS_X509_FMT_PEM);
	if (r < 0) {
		r = fail(-EINVAL, "tls_certificate and tls_key: %s", gnutls_strerror(r));
	} else if (s->clients) {
		r = gnutls_certificate_set_x509_trust_mem(c, &clients, GNUTLS_X509_FMT_PEM);
		if (r <= 0)
			r = fail(-EINVAL, "tls_clients: %s", r < 0 ? gnutls_strerror(r) : "no certificate in it");
	}
	gnutls_certificate_free_credentials(c);
	return MIN(r, 0);
}

static int
can_tls(void)
{
#if MHD_VERSION >= 0x00095300
	if (MHD_is_feature_supported(MHD_FEATURE_SSL) != MHD_YES)
		return fail(-ENOSYS, "tls_certificate: this libmicrohttpd was built without TLS");
#endif
	return 0;
}
#else
static int
try_pair(const struct secrets *s)
{
	(void) s;
	return 0;
}

static int
can_tls(void)
{
	return fail(-ENOSYS, "this xenscoped was built without GnuTLS");
}
#endif

static int
read_all(const struct config *config, struct secrets *s)
{
	int r = read_one(config, CERTIFICATE, &s->seen[CERTIFICATE], &s->certificate);

	if (r == 0)
		r = read_one(config, KEY, &s->seen[KEY], &s->key);
	if (r == 0)
		r = read_one(config, CLIENTS, &s->seen[CLIENTS], &s->clients);
	if (r == 0)
		r = read_tokens(config, s);
	if (r == 0 && !s->certificate != !s->key)
		r = fail(-EINVAL, "tls_key: there is no tls_certificate for it");
	if (r == 0 && (s->certificate || s->tokens.n))
		r = can_tls();
	if (r == 0 && s->certificate)
		r = try_pair(s);
	if (r == 0 && config_bool(config, OPTION_local_token) && !s->tokens.n)
		r = fail(-EINVAL, "local_token: there is no token: name a file of them with tokens =");
	return r;
}

int
secrets_read(const struct config *config, struct secrets **ret, const char **ret_why)
{
	struct secrets *s = xcalloc(1, sizeof(*s));
	int r = read_all(config, s);

	if (r < 0) {
		secrets_free(s);
		*ret_why = trouble;
		return r;
	}
	*ret = s;
	return 0;
}

int
secrets_suffice(const struct secrets *s, const char **ret_why)
{
	int r = 0;

	if (!s->certificate)
		r = fail(-EPERM, "other hosts could reach it without TLS: set tls_certificate, or listen on 127.0.0.1");
	else if (!s->tokens.n && !s->clients)
		r = fail(-EPERM, "anybody could ask it: set tokens or tls_clients, or listen on 127.0.0.1");
	*ret_why = trouble;
	return r;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool
secrets_changed(struct secrets *s, const struct config *config)
{
	bool changed = false;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const char *path = path_of(config, i);
		struct stat now;

		memset(&now, 0, sizeof(now));
		if (*path && stat(path, &now) < 0)
			memset(&now, 0, sizeof(now));
		changed = changed || !is_same(&now, &s->seen[i]);
		s->seen[i] = now;
	}
	return changed;
}

void
secrets_forget(struct secrets *s)
{
	memset(s->seen, 0xff, sizeof(s->seen));
}

void
secrets_free(struct secrets *s)
{
	if (!s)
		return;
	free(s->certificate);
	free(s->key);
	free(s->clients);
	free(s);
}
