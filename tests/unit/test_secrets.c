/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "serve/secrets.h"
#include "serve/serve.h"
#include "tests/tap.h"
#include "tests/unit/pem.h"

static char dir[] = "/tmp/xenscope-secrets-XXXXXX";
static struct config config;
static char *pem_certificate, *pem_key, *pem_other, *pem_other_key;

static char *
path(const char *name)
{
	static char text[4][128];
	static int turn;
	char *p = text[turn++ % 4];

	(void) snprintf(p, sizeof(text[0]), "%s/%s", dir, name);
	return p;
}

/* Another file each time, as who exchanges a certificate makes one. */
static void
put(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(path("new"), "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0 || chmod(path("new"), mode) < 0 ||
	    rename(path("new"), path(name)) < 0)
		abort();
}

static void
set(const char *option, const char *value)
{
	if (config_set(&config, option, value) < 0)
		abort();
}

/* What is said about the configuration as it is, "" if it is good. */
static const char *
said(void)
{
	struct secrets *s = NULL;
	const char *why = "";

	if (secrets_read(&config, &s, &why) < 0)
		return why;
	secrets_free(s);
	return "";
}

static int
says(const char *words)
{
	const char *got = said();
	int has = strstr(got, words) != NULL;

	if (!has)
		printf("# %s\n", got);
	return has;
}

static void
test_files(void)
{
	char *both;

	ok(!*said(), "without any there is nothing to say");
	set("tls_key", path("key"));
	ok(says("tls_key: ") && says("No such file"), "a file that is not there is named");
	put("key", pem_key, 0644);
	ok(says("tls_key: ") && says("chmod 600"), "a key that others can read is refused: %s", said());
	put("key", pem_key, 0660);
	ok(says("tls_key: "), "also one that the group can write");
	put("key", pem_key, 0640);
	ok(says("tls_key: there is no tls_certificate"), "a key needs a certificate");
	put("certificate", pem_certificate, 0644);
	set("tls_certificate", path("certificate"));
	ok(!*said(), "a pair that fits is good: %s", said());
	set("tls_key", "");
	ok(says("tls_key: ") && says("chmod 600"), "without tls_key the key is in the certificate's file, which is closed then");
	put("certificate", pem_certificate, 0600);
	ok(says("tls_certificate and tls_key: "), "and must be in it: %s", said());
	both = xasprintf("%s%s", pem_key, pem_certificate);
	put("both", both, 0600);
	free(both);
	set("tls_certificate", path("both"));
	ok(!*said(), "as in xapi's own file: %s", said());
	put("key", pem_other_key, 0600);
	set("tls_key", path("key"));
	ok(says("tls_certificate and tls_key: "), "a key of another certificate is refused: %s", said());
	set("tls_key", "");
	set("tls_clients", path("key"));
	ok(says("tls_clients: "), "authorities that are none are refused: %s", said());
	set("tls_clients", path("certificate"));
	ok(!*said(), "a certificate is one");
}

static void
test_tokens(void)
{
	set("local_token", "yes");
	ok(says("local_token: ") && says("tokens ="), "a token cannot be asked for where there is none");
	put("tokens", "a:b\n", 0600);
	set("tokens", path("tokens"));
	ok(says("tokens: ") && says("tokens:1: not a line"), "a line that is wrong is named: %s", said());
	put("tokens", "a:0000000000000000000000000000000000000000000000000000000000000000\n", 0604);
	ok(says("tokens: ") && says("chmod 600"), "a file that others can read is refused");
	ok(chmod(path("tokens"), 0600) == 0 && !*said(), "else it is good");
}

static void
test_suffice(void)
{
	struct secrets s = {.certificate = NULL};
	const char *why = "";

	ok(secrets_suffice(&s, &why) == -EPERM && strstr(why, "set tls_certificate"), "other hosts need TLS: %s", why);
	s.certificate = s.key = (char *) "";
	ok(secrets_suffice(&s, &why) == -EPERM && strstr(why, "set tokens or tls_clients"), "and a token: %s", why);
	s.tokens.n = 1;
	ok(secrets_suffice(&s, &why) == 0, "which together is enough");
	s.tokens.n = 0;
	s.clients = (char *) "";
	ok(secrets_suffice(&s, &why) == 0, "as is a client's certificate");
}

static void
test_renew(void)
{
	struct serve_sockets s;
	struct rlimit limit;
	const char *why = "";

	(void) getrlimit(RLIMIT_NOFILE, &limit);
	set("listen", "");
	set("socket", "");
	set("xapi_socket", "");
	ok(serve_listen(&config, &s, &why) == 0 && serve_renew(&config, &s, &why) == 0, "what stays is not read again");
	s.remote[s.n++] = true;
	s.listen[0] = -1;
	put("tokens", "nonsense\n", 0600);
	ok(serve_renew(&config, &s, &why) == -EINVAL && strstr(why, "tokens:1:") && s.secrets->tokens.n == 1,
	    "a file that has become worse is not taken: %s", why);
	ok(serve_renew(&config, &s, &why) == 0, "which is said once");
	put("tokens", "b:0000000000000000000000000000000000000000000000000000000000000000\n", 0600);
	ok(serve_renew(&config, &s, &why) == 1 && strcmp(s.secrets->tokens.token[0].name, "b") == 0,
	    "a good one is");
	put("tokens", "c:0000000000000000000000000000000000000000000000000000000000000000\n", 0600);
	limit.rlim_cur = 0;
	(void) setrlimit(RLIMIT_NOFILE, &limit);
	ok(serve_renew(&config, &s, &why) == -EAGAIN, "one that cannot be opened for want of descriptors is left: %s", why);
	limit.rlim_cur = limit.rlim_max;
	(void) setrlimit(RLIMIT_NOFILE, &limit);
	ok(serve_renew(&config, &s, &why) == 1 && strcmp(s.secrets->tokens.token[0].name, "c") == 0,
	    "and looked at again");
	put("tokens", "", 0600);
	set("local_token", "no");
	set("tls_clients", "");
	ok(serve_renew(&config, &s, &why) == -EPERM && s.secrets->tokens.n == 1,
	    "one that would open the door is not: %s", why);
	ok(unlink(path("tokens")) == 0 && serve_renew(&config, &s, &why) == -ENOENT && serve_renew(&config, &s, &why) == 0,
	    "one that is gone neither: %s", why);
	s.n = 0;
	serve_sockets_close(&s);
}

int
main(void)
{
	static const char *const names[] = {"key", "certificate", "both", "tokens"};

	if (!mkdtemp(dir))
		abort();
	pem_pair(&pem_certificate, &pem_key);
	pem_pair(&pem_other, &pem_other_key);
	config_init(&config);
	test_files();
	test_tokens();
	test_suffice();
	test_renew();
	config_done(&config);
	free(pem_certificate);
	free(pem_key);
	free(pem_other);
	free(pem_other_key);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void) unlink(path(names[i]));
	ok(rmdir(dir) == 0, "the test clears up");
	return done_testing();
}
