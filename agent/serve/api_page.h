/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef API_PAGE_H
#define API_PAGE_H

#include <stdio.h>

/* The paths, parameters and objects of the API as sections of mdoc, for the manual. */
void api_dump(FILE *f);

#endif
