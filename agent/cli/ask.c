/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/ask.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/http_get.h"
#include "base/parse.h"
#include "base/util.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/options.h"

#define DEFAULT_SOCKET "unix:/run/xenscope/http.sock"
#define DEFAULT_URL "http://127.0.0.1:9965"
#define MAX_TOKEN_FILE 4096

static void say(struct asker *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
say(struct asker *a, const char *format, ...)
{
	_cleanup_(freep) char *text = NULL, *shown = NULL;
	va_list ap;

	va_start(ap, format);
	text = xvasprintf(format, ap);
	va_end(ap);
	shown = visible(text);
	str_copy(a->said, sizeof(a->said), shown);
	if (!a->quiet)
		(void) fprintf(stderr, "xenscope: %s\n", shown);
}

/* The first word of the file. A token that others can read is no secret. */
static int
read_token(struct asker *a, const char *path)
{
	struct stat st;
	int r = stat(path, &st) < 0 ? -errno : file_read(path, MAX_TOKEN_FILE, &a->token, NULL);

	if (r < 0) {
		say(a, "%s: %s", path, strerror(-r));
		return EXIT_USAGE;
	}
	a->token[strcspn(a->token, " \t\r\n")] = '\0';
	if (!*a->token) {
		say(a, "%s: there is no token at its beginning; xenscope token makes one", path);
		return EXIT_USAGE;
	}
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		say(a, "%s: others can read this token: chmod 600 %s", path, path);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

int
asker_init(struct asker *a, const struct options *o)
{
	const char *socket = o->value[OPT_socket], *url = o->value[OPT_url], *host = o->value[OPT_host];

	memset(a, 0, sizeof(*a));
	if (!!socket + !!url + !!host > 1 || (!host && (o->value[OPT_token_file] || o->value[OPT_ca_file]))) {
		say(a, "either --socket, --url or --host; --token-file and --ca-file go with --host");
		return EXIT_USAGE;
	}
	if (host && strncmp(host, "https://", 8) != 0) {
		say(a,
		    "--host takes a URL like https://dom0.example:9966; another host is asked by HTTPS only");
		return EXIT_USAGE;
	}
	if (socket)
		a->target[a->n_targets++].url = a->url[0] = xasprintf("unix:%s", socket);
	else if (url || host)
		a->target[a->n_targets++].url = url ? url : host;
	else {
		a->target[a->n_targets++].url = DEFAULT_SOCKET;
		a->target[a->n_targets++].url = DEFAULT_URL;
	}
	a->remote = host != NULL;
	a->target[0].ca = o->value[OPT_ca_file];
	if (o->value[OPT_token_file]) {
		int status = read_token(a, o->value[OPT_token_file]);

		a->target[0].token = a->token;
		return status;
	}
	return EXIT_OK;
}

void
asker_done(struct asker *a)
{
	for (size_t i = 0; i < MAX_TARGETS; i++)
		free(TAKE_PTR(a->url[i]));
	free(TAKE_PTR(a->token));
}

static const char *
words_of(int error)
{
	switch (-error) {
	case EINVAL:
	case EPERM:
		return "not a socket or a loopback URL like " DEFAULT_URL;
	case EBADMSG:
	case EFBIG:
		return "what answers there is not xenscoped";
	case ECONNRESET:
		return "the answer broke off before its end: try again, and see the agent's log";
	case ETIMEDOUT:
		return "no answer within 10 s: the host is overloaded, or the agent hangs; see its log";
	case EACCES:
		return "you may not connect there: ask as root";
	case ENOENT:
		return "there is no such socket";
	case ECONNREFUSED:
		return "nobody listens there";
	default:
		return strerror(-error);
	}
}

/* What keeps the answer from being read, said once all targets were tried. */
static int
explain(struct asker *a, const int *error, char (*why)[HTTPS_WHY])
{
	int last = error[a->n_targets - 1];

	for (size_t i = 0; i < a->n_targets; i++)
		say(a, "%s: %s", a->target[i].url, *why[i] ? why[i] : words_of(error[i]));
	if (last == -EINVAL || last == -EPERM)
		return EXIT_USAGE;
	if (last == -EBADMSG || last == -EFBIG || last == -ECONNRESET)
		return EXIT_ANSWER;
	say(a,
	    a->remote
		? "no agent answers there"
		: "no agent answers. Is it running? systemctl status xenscoped; xenscope doctor looks further");
	return EXIT_UNREACHABLE;
}

static int
explain_answer(struct asker *a, unsigned status, const char *body, size_t n)
{
	json_t *p = json_loadb(body, n, 0, NULL);
	const char *detail = json_string_value(json_object_get(p, "detail"));

	say(a, "the agent answers %u: %s", status, detail ? detail : "no reason given");
	if (status == 401)
		say(a, a->token
			   ? "the token is not, or no longer, in the agent's file of tokens: xenscope token "
			     "makes a new one"
			   : "give a token with --host URL --token-file FILE; see xenscoped(8), OTHER HOSTS");
	json_decref(p);
	return EXIT_ANSWER;
}

/* Figures of an agent that has gone are the last there are: shown, but not as if all were well. */
static void
look_at_age(struct asker *a, const json_t *answer)
{
	if (a->stale || !json_is_true(json_object_get(answer, "stale")))
		return;
	a->stale = true;
	say(a,
	    "the agent has gone; these are its last figures, of %s. Start it again: systemctl start xenscoped",
	    text(answer, "time_text"));
}

int
ask_body(void *arg, const char *path, char **ret_body, size_t *ret_n)
{
	struct asker *a = arg;
	_cleanup_(freep) char *body = NULL;
	char why[MAX_TARGETS][HTTPS_WHY] = {"", ""};
	int error[MAX_TARGETS];
	unsigned status = 0;
	size_t n = 0, i = 0;

	do
		error[i] = https_get(&a->target[i], path, HTTP_GET_SECONDS, &status, &body, &n, why[i]);
	while (error[i++] < 0 && i < a->n_targets);
	if (error[i - 1] < 0)
		return explain(a, error, why);
	if (status != 200)
		return explain_answer(a, status, body, n);
	*ret_body = TAKE_PTR(body);
	*ret_n = n;
	return EXIT_OK;
}

int
ask(void *arg, const char *path, json_t **ret)
{
	struct asker *a = arg;
	_cleanup_(freep) char *body = NULL;
	size_t n = 0;
	int status = ask_body(a, path, &body, &n);

	if (status != EXIT_OK)
		return status;
	*ret = json_loadb(body, n, 0, NULL);
	if (!json_is_object(*ret)) {
		json_decref(TAKE_PTR(*ret));
		say(a, "what answers there is not xenscoped");
		return EXIT_ANSWER;
	}
	look_at_age(a, *ret);
	return EXIT_OK;
}

int
ask_uuid(struct asker *a, const char *domain, char ret[37])
{
	json_t *answer = NULL, *d;
	int status = EXIT_OK;
	unsigned found = 0;
	size_t i;

	if (parse_uuid(domain, ret) == 0)
		return EXIT_OK;
	status = ask(a, "/api/v1/domains", &answer);
	json_array_foreach(json_object_get(answer, "domains"), i,
	    d) if (strcmp(text(d, "name"), domain) == 0 && parse_uuid(text(d, "uuid"), ret) == 0) found++;
	if (status == EXIT_OK && found != 1) {
		say(a,
		    found ? "several domains are called %s: give the uuid of one, by xenscope domains"
			  : "no domain of this host has this name or uuid: %s; xenscope domains lists them",
		    domain);
		status = EXIT_ANSWER;
	}
	json_decref(answer);
	return status;
}
