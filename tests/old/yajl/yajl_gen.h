/* SPDX-License-Identifier: GPL-2.0-or-later */
/* YAJL 2.0.4: of what the agent could use only this is newer. */
#ifndef OLD_YAJL_GEN_H
#define OLD_YAJL_GEN_H

#include_next <yajl/yajl_gen.h>

#pragma GCC poison yajl_gen_reset

#endif
