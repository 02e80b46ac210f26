/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/tick.h"
#include "base/util.h"

#define ENTER "\033[?1049h\033[?25l\033[2J" /* the other page, no cursor, clear */
#define LEAVE "\033[0m\033[?25h\033[?1049l"
#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_REST "\033[J"

static struct termios before;
static volatile sig_atomic_t taken; /* the terminal is ours */
static volatile sig_atomic_t ending, changed;

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};

/* Only what a signal handler may call. */
static void
give_back(void)
{
	if (!taken)
		return;
	taken = 0;
	(void) !write(STDOUT_FILENO, LEAVE, sizeof(LEAVE) - 1);
	(void) tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static int
take(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return -errno;
	raw = before;
	raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		return -errno;
	taken = 1;
	return write_all(STDOUT_FILENO, ENTER, sizeof(ENTER) - 1);
}

static void
on_end(int number)
{
	(void) number;
	ending = 1;
}

static void
on_change(int number)
{
	(void) number;
	changed = 1;
}

static void
on_crash(int number)
{
	give_back();
	(void) raise(number); /* its handler is gone: SA_RESETHAND */
}

/* Ctrl-Z: the shell gets its terminal as it was, and we ours when we go on. */
static void
on_stop(int number)
{
	int saved = errno;

	(void) number;
	give_back();
	(void) raise(SIGSTOP);
	(void) take();
	changed = 1;
	errno = saved;
}

void
screen_catch_signals(void)
{
	struct sigaction end = {.sa_handler = on_end};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		(void) sigaction(ends[i], &end, NULL);
}

int
screen_begin(void)
{
	struct sigaction change = {.sa_handler = on_change}, stop = {.sa_handler = on_stop};
	struct sigaction crash = {.sa_handler = on_crash, .sa_flags = (int) SA_RESETHAND | SA_NODEFER};
	int r;

	screen_catch_signals();
	(void) sigaction(SIGWINCH, &change, NULL);
	(void) sigaction(SIGTSTP, &stop, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
		(void) sigaction(crashes[i], &crash, NULL);
	r = take();
	if (r < 0)
		give_back();
	return r;
}

void
screen_end(void)
{
	give_back();
}

void
screen_size(unsigned *ret_columns, unsigned *ret_rows)
{
	struct winsize w = {.ws_col = 0};

	(void) ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
	*ret_columns = w.ws_col ? w.ws_col : 80;
	*ret_rows = w.ws_row ? w.ws_row : 24;
}

/* Drawn over, line by line, and never cleared first: nothing flickers. The last line has no line end, which
 * would scroll. */
void
screen_show(const char *text)
{
	struct strbuf b = {NULL, 0, 0};
	unsigned columns, rows;

	screen_size(&columns, &rows);
	strbuf_str(&b, HOME);
	for (; *text && rows > 0; rows--) {
		size_t n = strcspn(text, "\n");

		strbuf_add(&b, text, n);
		strbuf_str(&b, CLEAR_LINE);
		text += n + (text[n] == '\n');
		if (rows > 1 && *text)
			strbuf_str(&b, "\r\n");
	}
	strbuf_str(&b, rows > 0 ? "\r\n" CLEAR_REST : "");
	if (write_all(STDOUT_FILENO, b.text, b.n) < 0)
		ending = 1;
	strbuf_done(&b);
}

enum screen_event
screen_wait(double seconds, char *ret_key)
{
	double until = tick_now().mono + seconds;
	struct pollfd p = {.fd = taken ? STDIN_FILENO : -1, .events = POLLIN};

	for (;;) {
		double left = until - tick_now().mono;
		int r;

		if (ending)
			return SCREEN_END;
		if (changed) {
			changed = 0;
			return SCREEN_REDRAW;
		}
		if (left <= 0)
			return SCREEN_TIME;
		r = poll(&p, 1, (int) (left * 1000) + 1);
		if (r > 0 && read(STDIN_FILENO, ret_key, 1) == 1)
			return SCREEN_KEY;
		if (r > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL)))
			return SCREEN_END;
	}
}
