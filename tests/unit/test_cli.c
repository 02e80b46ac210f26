/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/tick.h"
#include "base/util.h"
#include "base/http_get.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/table.h"
#include "tests/tap.h"

static void
test_visible(void)
{
	static const struct {
		const char *in, *out, *what;
	} rows[] = {
	    {"vm \xc3\xa9\xe4\xbd\xa0", "vm \xc3\xa9\xe4\xbd\xa0", "letters of all kinds stay"},
	    {"a\x1b[2Jb", "a\\x1b[2Jb", "an escape sequence is shown, not obeyed"},
	    {"a\xc2\x9b"
	     "b",
		"a\\x9bb", "also one of the eight-bit kind"},
	    {"\xe2\x80\xaegnp.exe", "\\u202egnp.exe", "the direction of writing is not turned"},
	    {"\xff\n", "\\xff\\x0a", "what is not UTF-8 is shown as bytes"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *v = visible(rows[i].in);

		ok(strcmp(v, rows[i].out) == 0, "%s", rows[i].what);
		free(v);
	}
}

static void
test_table(void)
{
	static const char *const titles[] = {">ID", "~NAME", "KIND", NULL};
	struct table *t = table_new(titles);
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	table_cellf(t, "%d", 7);
	table_cell(t, "a name that is rather long \xc3\xa9");
	table_cell(t, "");
	table_cell(t, "10");
	table_cell(t, "\xc3\xa9");
	table_cell(t, "hvm");
	table_print(t, 24, f);
	fclose(f);
	ok(strcmp(out, "ID  NAME            KIND\n"
		       " 7  a name that i~  -\n"
		       "10  \xc3\xa9               hvm\n") == 0,
	    "a table is cut to the terminal");
	free(out);
	table_free(t);
}

static const char features[] =
    "{\"source\":\"replay\",\"features\":{"
    "\"smap\":{\"cpu\":\"yes\",\"host\":\"yes\",\"xen\":\"no\",\"hvm\":\"yes\",\"pv\":\"no\","
    "\"reason\":\"smap=hvm\",\"confidence\":\"exact\"},"
    "\"smep\":{\"cpu\":\"yes\",\"host\":\"yes\",\"xen\":\"yes\",\"hvm\":\"yes\",\"pv\":\"no\","
    "\"reason\":null}},"
    "\"pml\":{\"state\":\"in_use\",\"reason\":null,\"source\":\"console_ring\"},\"ept_ad\":\"yes\","
    "\"hap\":\"yes\","
    "\"domains\":[{\"kind\":\"pv\",\"features\":{}},"
    "{\"kind\":\"hvm\",\"features\":{\"smap\":{\"active\":\"yes\"},\"smep\":{\"active\":"
    "\"unknown\"}}}]}";
static const char host[] =
    "{\"source\":\"replay\",\"time_text\":\"2026-11-03T12:00:00Z\",\"age_seconds\":2,"
    "\"xen_version\":\"4.17.7\",\"cpu_model\":\"A CPU\",\"notes\":[\"no tracefs\"]}";
static const char migrations[] =
    "{\"source\":\"live\",\"time\":1700000042,\"migrations\":["
    "{\"name\":\"vm\\u001b[1m\",\"result\":\"running\",\"direction\":\"out\",\"tracking_mode\":"
    "\"pml\",\"started\":1700000000,"
    "\"ended\":null,\"rounds_unseen\":0,\"rounds\":[{\"n\":0,\"pages_dirtied\":4262},{\"n\":1,\"pages_dirtied\":1120},"
    "{\"n\":2,\"pages_dirtied\":null}],"
    "\"forecast\":[{\"after_round\":0,\"converges\":\"no\",\"rounds\":5,\"total_seconds\":50.25,"
    "\"downtime_seconds\":0.5}]}"
    ","
    "{\"name\":\"old\",\"result\":\"failed\",\"started\":1600000000.5,\"ended\":1600000012,"
    "\"downtime_seconds\":0.21,"
    "\"reason\":\"\",\"forecast_error\":{\"total_ratio\":0.125},\"rounds\":[],\"rounds_begun\":5,\"final\":{\"pages\":517}}]}";

static const char local[] =
    "{\"source\":\"live\",\"migration\":{\"id\":\"x\",\"name\":\"vm\\u001b\",\"uuid\":\"u\",\"domid\":7,"
    "\"direction\":\"local\",\"toolstack\":\"xl\",\"tracking_mode\":\"pml\",\"result\":\"completed\","
    "\"reason\":\"\",\"started\":100,\"ended\":112,\"checkpoints\":null,\"rounds\":["
    "{\"n\":0,\"started\":100,\"seconds\":9.5,\"pages_sent\":null,\"frames_sent\":1044480,"
    "\"pages_dirtied\":4262,\"harvest_seconds\":0.00187}],\"final\":{\"started\":110,\"seconds\":0.2,"
    "\"requested\":109.9,\"suspended\":110,\"harvested\":110.01,\"sent\":null,\"done\":110.2,\"pages\":517},"
    "\"released\":110.5,\"released_source\":\"hypercall\",\"downtime_seconds\":0.5,"
    "\"downtime_source\":\"both_ends\"}}";
static const char incoming[] =
    "{\"migration\":{\"id\":\"y\",\"direction\":\"in\",\"result\":\"aborted\",\"reason\":\"it was\","
    "\"ended\":112,\"rounds\":[],\"final\":null,\"released\":114,\"released_source\":\"domain_list\","
    "\"checkpoints\":3}}";

static char *
shown(void (*show)(const json_t *, unsigned, FILE *), const char *text)
{
	json_t *answer = json_loads(text, 0, NULL);
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	show(answer, 0, f);
	fclose(f);
	json_decref(answer);
	return out;
}

static void
test_show(void)
{
	json_t *h = json_pack("{s:o, s:o, s:o}", "host", json_loads(host, 0, NULL), "features",
	    json_loads(features, 0, NULL), "migrations", json_loads(migrations, 0, NULL));
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	show_status(h, 0, f);
	fclose(f);
	ok(strncmp(out, "REPLAY", 6) == 0, "a replay is said to be one");
	ok(strstr(out, "Xen 4.17.7 on A CPU; sample of 2026-11-03T12:00:00Z, 2 s old"),
	    "the host and the sample's age are told");
	ok(strstr(out, "SMAP        CPU yes, Xen no (smap=hvm), offered to HVM yes and PV no, on "
		       "in 1 of 1 guest\n"),
	    "SMAP is told in a line, with its reason");
	ok(strstr(out, "SMEP        CPU yes, Xen yes, offered to HVM yes and PV no, on in 0 of 1 "
		       "guest (1 unknown)\n"),
	    "unknown guests are counted as such");
	ok(strstr(out, "PML         in use (console_ring)\n") && strstr(out, "Tracking    pml in"),
	    "so are PML and the tracking mode");
	ok(strstr(out, "Migrations  1 running") && strstr(out, "Note        no tracefs\n"),
	    "and migrations and notes");
	free(out);
	json_decref(h);

	out = shown(show_migration, local);
	ok(strstr(out, "vm\\x1b (u), domain 7\n") && strstr(out, "1044480 frames") && strstr(out, "1.870 ms"),
	    "one migration is shown with its rounds");
	ok(strstr(out, "Final phase asked to suspend, +100.0 ms suspended, +10.0 ms last harvest, +190.0 ms done\n"),
	    "and the steps of its last phase, as far as they were seen");
	ok(strstr(out, "Runs        +0.300 s after that, by the hypercall\n") &&
		strstr(out, "Downtime    0.500 s, from suspend to unpause, both seen here\n"),
	    "and between which moments the guest was away");
	free(out);
	out = shown(show_migration, incoming);
	ok(strstr(out, "aborted: it was; 3 checkpoints\n") && !strstr(out, "Final phase") && !strstr(out, "Downtime") &&
		strstr(out, "Runs        +2.000 s after its stream had come, by the list of domains"),
	    "one that came in has no last phase here, but a time at which it ran");
	free(out);
	out = shown(show_migrations, migrations);
	ok(strstr(out, "vm\\x1b[1m") && !strchr(out, '\x1b'),
	    "a name cannot play with the terminal");
	ok(strstr(out, "11.500 s") == NULL && strstr(out, "11.5 s") && strstr(out, "0.210 s") &&
		strstr(out, "517"),
	    "times and pages are told");
	ok(strstr(out, "5 rounds, 50.2 s, down 0.50 s, not converging") && strstr(out, "forecast off by 12 %"),
	    "so is what is expected, and how good that was: %s", out);
	ok(strstr(out, " 5382 "), "what was dirtied is the sum over the rounds");
	ok(strstr(out, " 42 s "), "one that is under way has taken until now");
	free(out);
	out = shown(show_features, features);
	ok(strstr(out, "smap") && strstr(out, "1 of 1 guest ") && strstr(out, "HAP         yes"),
	    "features are a table");
	free(out);
	out = shown(show_domains, "{\"domains\":[{\"domid\":3,\"name\":\"x\",\"metrics\":{"
				  "\"xenscope_domain_memory_bytes\":1073741824}},7]}");
	ok(strstr(out, "1024 MiB") && !strstr(out, "REPLAY"),
	    "domains are one too, whatever an answer lacks");
	free(out);
	out = shown(show_events, "{\"source\":\"replay\",\"events\":[{\"seq\":7,\"time\":null,\"severity\":\"err\",\"kind\":"
				 "\"migration_failed\",\"text\":\"Save of \\u001b[2J\"},{}]}");
	ok(strstr(out, "REPLAY") && strstr(out, "err") && strstr(out, "migration_failed  Save of \\x1b[2J\n") &&
		strstr(out, "  -  "),
	    "events are listed, harmless, and what one lacks is a dash");
	free(out);
	out = shown(show_advice, "{\"state\":\"unknown\",\"missing\":\"2 of 5 measurements\\u001b\"}");
	ok(strcmp(out, "Estimate    unknown\nMissing     2 of 5 measurements\\x1b\n") == 0, "no advice is told with its reason");
	free(out);
	out = shown(show_advice, "{\"state\":\"known\",\"missing\":null,\"basis\":\"b\",\"estimate_error_ratio\":0.1,"
				 "\"now\":{\"estimate_pages_per_second\":812.5,\"estimate_rounds\":5,\"estimate_converges\":"
				 "\"no\"},\"best\":{\"estimate_rounds\":3,\"estimate_total_seconds\":4.25},\"best_hours\":["
				 "{\"next\":1700000000,\"estimate_pages_per_second\":1},{\"estimate_pages_per_second\":2}]}");
	ok(strstr(out, "now ") && strstr(out, "813/s       5  no ") && strstr(out, "2023-11-1") && strstr(out, "4.250 s") &&
		strstr(out, "2/s ") && strstr(out, "off by 10 %: b\n") && !strstr(out, "Missing"),
	    "advice is told for now and for the best hours, as an estimate: %s", out);
	free(out);
	out = shown(show_domains, "{}");
	free(out);
}

static const char overhead[] =
    "{\"source\":\"live\",\"records\":4204,\"truncated\":true,\"boots\":["
    "{\"cpu_model\":\"A "
    "CPU\",\"xen_version\":\"4.17.7\",\"boot_id\":\"11111111-2222\",\"current\":true,"
    "\"started\":1700000000,\"ended\":1700003600,\"modes\":["
    "{\"tracking_mode\":\"pml\",\"estimate\":false,\"migrations\":34,\"probes\":12,\"measured\":12,"
    "\"pages_dirtied\":123456789,\"exits_per_kpage\":2.3456,\"recalc_exits_per_kpage\":23.41,"
    "\"cycles_per_page\":5432.1,\"overhead_ratio\":0.01234,\"harvest_seconds_per_round\":0.00194,"
    "\"sampled_fraction\":1,\"lost_records\":0},"
    "{\"tracking_mode\":\"ept_wp\",\"estimate\":true,\"basis\":\"Basis: a violation of 5400 "
    "cycles, the mean of "
    "6353 under write protection on this CPU model with this "
    "Xen\",\"estimate_exits_per_kpage\":1000,"
    "\"estimate_recalc_exits_per_kpage\":23.41,\"estimate_cycles_per_page\":7312345.4,"
    "\"estimate_overhead_ratio\":0.00001}],"
    "\"vms\":[{\"name\":\"a very long \\u001b[2J "
    "name\",\"uuid\":\"u\",\"tracking_mode\":\"pml\",\"migrations\":3,"
    "\"probes\":0,\"measured\":0,\"pages_dirtied\":6353,\"exits_per_kpage\":null,\"avoided_exits\":"
    "6342},"
    "{\"name\":null,\"uuid\":\"u-u\",\"tracking_mode\":\"pml\",\"overhead_ratio\":0.123,"
    "\"sampled_fraction\":0.046}]},"
    "{\"boot_id\":\"33333333-4444\",\"current\":false,\"modes\":[{\"tracking_mode\":\"shadow\","
    "\"measured\":0,"
    "\"harvest_seconds_per_round\":0.0152}],\"vms\":[]}]}";

static void
test_overhead(void)
{
	json_t *answer = json_loads(overhead, 0, NULL);
	size_t n, longest = 0;
	char *out = NULL;
	FILE *f = open_memstream(&out, &n);

	show_overhead(answer, 80, f);
	fclose(f);
	ok(strstr(out,
	       "TRACKING   MIGR  PAGES  EXITS  RECALC  CYCLES  OVERHEAD  HARVEST  TRACED  LOST\n"
	       "pml       34+12   123M   2.35    23.4    5432     1.23%  1.94 ms    100%     0\n"
	       "estimate      -      -   1000    23.4    7.3M    <0.01%        -       -     -\n"
	       "estimate: of ept_wp, not measured. Basis: a violation of 5400 cycles, the mean\n"
	       "of 6353 under write protection on this CPU model with this Xen\n"),
	    "modes are side by side, an estimate is called one and has its basis");
	ok(strstr(out,
	       "GUEST            TRACKING  MIGR  PAGES  EXITS  AVOIDED  CYCLES  OVERHEAD  TRACED\n"
	       "a very long \\x~  pml          3   6353      -     6342       -         -       -\n"
	       "u-u              pml          -      -      -        -       -     12.3%   "
	       "4.60%\n"),
	    "guests have their rows, \"-\" for what is unknown");
	for (char *line = out; line && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		longest = MAX(longest, strcspn(line, "\n"));
	ok(longest <= 80, "it all fits 80 columns");
	ok(strstr(out, "Xen 4.17.7 on A CPU\nin this boot, 2023-11-1") &&
		strstr(out, "1 more boot, ") && strstr(out, "newest 4204 records only") &&
		!strstr(out, "shadow"),
	    "the newest boot is told to be that, the others to be there");
	free(out);
	json_decref(answer);
	out = shown(show_overhead_all, overhead);
	ok(strstr(out, "in an earlier boot (33333333), an unknown time") &&
		strstr(out, "15.2 ms") && strstr(out, "Nothing of this was traced") &&
		!strstr(out, "--all"),
	    "all of them on demand");
	ok(strstr(out, "mean of 6353 under write"), "what goes into a pipe is not wrapped");
	free(out);
	out = shown(show_overhead, "{\"source\":\"replay\",\"boots\":[]}");
	ok(strncmp(out, "REPLAY", 6) == 0 && strstr(out, "xenscope probe DOMAIN"),
	    "where there is nothing, what to do is said");
	free(out);
	out = shown(show_overhead, "{\"boots\":[7]}");
	ok(strstr(out, "an unknown CPU"), "whatever an answer lacks");
	free(out);
}

/* A server that says this once, whatever it is asked, and then closes or, if told so, keeps silent.
 */
static int
answer_once(const char *text, bool silent, char *url, size_t n, pid_t *ret_pid)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *) &a, len) < 0 || listen(fd, 1) < 0 ||
	    getsockname(fd, (struct sockaddr *) &a, &len) < 0)
		abort();
	(void) snprintf(url, n, "http://127.0.0.1:%u/", ntohs(a.sin_port));
	*ret_pid = fork();
	if (*ret_pid == 0) {
		char request[1024];
		int c = accept(fd, NULL, NULL);

		(void) alarm(5);
		(void) !read(c, request, sizeof(request));
		(void) !write(c, text, strlen(text));
		if (silent)
			(void) pause();
		_exit(0);
	}
	return fd;
}

static int
get_answer(const char *text, bool silent, double seconds, unsigned *ret_status, char **ret_body)
{
	char url[64];
	size_t n = 0;
	pid_t pid;
	int fd = answer_once(text, silent, url, sizeof(url), &pid), r;

	*ret_body = NULL;
	r = http_get(url, "/", seconds, ret_status, ret_body, &n);
	(void) kill(pid, SIGKILL);
	(void) waitpid(pid, NULL, 0);
	(void) close(fd);
	return r;
}

static void
test_client(void)
{
	static const struct {
		const char *text;
		bool silent;
		int r;
		const char *what;
	} rows[] = {
	    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true, 0,
		"an answer ends with its length"},
	    {"HTTP/1.0 200 OK\r\n\r\nhello", false, -EBADMSG,
		"one without a length is refused: cut short it would look whole"},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, -EBADMSG,
		"so are chunks, which nobody asked for"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		false, -EBADMSG, "also with a length that they do not have"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: all\r\n\r\nhello", false, -EBADMSG, "a length is a number"},
	    {"HTTP/1.1 200 OK\r\nX: 1\r\n\r\n\r\nContent-Length: 5\r\n\r\nhello", false, -EBADMSG,
		"and stands in the head"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", false, -ECONNRESET,
		"one cut short is refused"},
	    {"HTTP/1.1 200 OK\r\nContent-Le", false, -ECONNRESET, "also in its head"},
	    {"", false, -ECONNRESET, "also before it"},
	    {"SSH-2.0-OpenSSH\r\n\r\n", false, -EBADMSG, "what is not HTTP is refused"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", false, -EFBIG,
		"so is one that is too long"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", true, -ETIMEDOUT,
		"one that never ends is given up"},
	};
	static const struct {
		const char *target;
		int r;
	} bad[] = {{"ftp://x", -EINVAL}, {"http://127.0.0.1:0", -EINVAL}, {"http://[::1", -EINVAL},
	    {"http://192.0.2.1:80", -EPERM}, {"http://[2001:db8::1]:80", -EPERM},
	    {"unix:", -EINVAL}, {"http://127.0.0.1:1/path", -EINVAL},
	    {"unix:/nothing/here", -ENOENT}, {"http://example.com:1", -EINVAL}};
	unsigned status = 0;
	char *body = NULL;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		double seconds = rows[i].r == -ETIMEDOUT ? 0.2 : 5; /* a busy machine may be slow */
		int r = get_answer(rows[i].text, rows[i].silent, seconds, &status, &body);

		ok(r == rows[i].r && (r < 0 || (status == 200 && strcmp(body, "hello") == 0)), "%s",
		    rows[i].what);
		free(body);
		body = NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(http_get(bad[i].target, "/", 5, &status, &body, &n) == bad[i].r,
		    "%s is refused with %s", bad[i].target, strerror(-bad[i].r));
}

static int
xenscope(const char *a, const char *b, const char *c)
{
	char *argv[] = {(char *) "xenscope", (char *) a, (char *) b, (char *) c, NULL};

	return xenscope_main(1 + !!a + !!b + !!c, argv);
}

static int
xenscope_with(const char *answer, const char *option)
{
	char url[64];
	pid_t pid;
	int fd = answer_once(answer, false, url, sizeof(url), &pid), r;
	char *with = xasprintf("--url=%s", url);

	r = xenscope("domains", with, option);
	free(with);
	(void) kill(pid, SIGKILL);
	(void) waitpid(pid, NULL, 0);
	(void) close(fd);
	return r;
}

/* Runs it with the agent's answer cut to n bytes; what it prints, and true in *ret_said where it says that. */
static size_t
printed_of(const char *answer, size_t n, int *ret_status, bool *ret_said)
{
	FILE *out = tmpfile(), *err = tmpfile();
	int was_out = dup(STDOUT_FILENO), was_err = dup(STDERR_FILENO);
	char text[1024], *cut = strndup(answer, n);

	(void) fflush(NULL);
	if (!out || !err || dup2(fileno(out), STDOUT_FILENO) < 0 || dup2(fileno(err), STDERR_FILENO) < 0)
		abort();
	*ret_status = xenscope_with(cut, NULL);
	(void) fflush(NULL);
	(void) dup2(was_out, STDOUT_FILENO);
	(void) dup2(was_err, STDERR_FILENO);
	(void) close(was_out);
	(void) close(was_err);
	(void) fseek(err, 0, SEEK_SET);
	text[fread(text, 1, sizeof(text) - 1, err)] = '\0';
	*ret_said = strstr(text, "broke off before its end") != NULL;
	(void) fseek(out, 0, SEEK_END);
	n = (size_t) ftell(out);
	(void) fclose(out);
	(void) fclose(err);
	free(cut);
	return n;
}

static void
test_half(void)
{
	static const char whole[] = "HTTP/1.0 200 OK\r\nContent-Length: 49\r\n\r\n"
				    "{\"domains\":[{\"domid\":1,\"name\":\"a\",\"metrics\":{}}]}";
	size_t printed = 0, errors = 0;
	int status;
	bool said;

	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		printed += printed_of(whole, n, &status, &said);
		errors += status == EXIT_ANSWER && said;
	}
	ok(printed == 0 && errors == sizeof(whole) - 1, "wherever an answer breaks off, that is said and no table begun");
	ok(printed_of(whole, sizeof(whole) - 1, &status, &said) > 0 && status == EXIT_OK && !said, "the whole one is shown");
}

/* What the commands print is not TAP. */
static void
test_commands(void)
{
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), r[16];

	(void) fflush(stdout);
	if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
		abort();
	r[0] = xenscope("--help", NULL, NULL);
	r[1] = xenscope("--version", NULL, NULL);
	r[2] = xenscope(NULL, NULL, NULL);
	r[3] = xenscope("dance", NULL, NULL);
	r[12] = xenscope("migrations", "../host", NULL);
	r[13] = xenscope("migrations", "a", "b");
	r[4] = xenscope("status", "--nonsense", NULL);
	r[5] = xenscope("status", "--socket=/nothing/here", NULL);
	r[6] = xenscope("status", "--url=http://192.0.2.1/", NULL);
	r[7] = xenscope("record", "--seconds=0", NULL);
	r[8] = xenscope("record", NULL, NULL);
	r[14] = xenscope("discover", "/dev/null", "--port=65536");
	r[15] = xenscope("discover", "/dev/null", NULL);
	r[9] = xenscope_with(
	    "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"domains\":[]}", "--json");
	r[10] =
	    xenscope_with("HTTP/1.1 503 No\r\nContent-Length: 13\r\n\r\n{\"detail\":\"\"}", NULL);
	r[11] = xenscope_with("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1]", NULL);
	(void) fflush(NULL);
	(void) dup2(out, STDOUT_FILENO);
	(void) dup2(err, STDERR_FILENO);
	ok(r[0] == EXIT_OK && r[1] == EXIT_OK, "--help and --version succeed");
	ok(r[2] == EXIT_USAGE && r[3] == EXIT_USAGE && r[4] == EXIT_USAGE,
	    "no command, an unknown one, an unknown option: 2");
	ok(r[12] == EXIT_USAGE && r[13] == EXIT_USAGE, "what cannot be an id, or two of them, is not asked for: 2");
	ok(r[5] == EXIT_UNREACHABLE, "no agent: 3");
	ok(r[6] == EXIT_USAGE, "a URL that is not of this host: 2");
	ok(r[7] == EXIT_USAGE && r[8] == EXIT_USAGE, "record wants a file and a time above 0: 2");
	ok(r[14] == EXIT_USAGE && r[15] == EXIT_OK, "discover wants a port, and takes an empty list");
	ok(r[9] == EXIT_OK, "an answer: 0");
	ok(r[10] == EXIT_ANSWER && r[11] == EXIT_ANSWER,
	    "an error or what is no answer of ours: 1");
}

int
main(void)
{
	test_visible();
	test_table();
	test_show();
	test_overhead();
	test_client();
	test_half();
	test_commands();
	return done_testing();
}
