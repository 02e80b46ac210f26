/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COMMANDS_H
#define COMMANDS_H

/* The whole of xenscope(1) but main. Exit statuses that scripts can use. */
enum {
	EXIT_OK = 0,
	EXIT_ANSWER = 1,      /* the agent's answer was an error, or cannot be read */
	EXIT_USAGE = 2,	      /* the command line is wrong */
	EXIT_UNREACHABLE = 3, /* no agent answers */
};

int xenscope_main(int argc, char **argv);

#endif
