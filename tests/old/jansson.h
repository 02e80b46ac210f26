/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jansson 2.10: without what its manual says is newer. */
#ifndef OLD_JANSSON_H
#define OLD_JANSSON_H

#include_next <jansson.h>

#pragma GCC poison json_sprintf json_vsprintf json_error_code			    /* 2.11 */
#pragma GCC poison jansson_version_str jansson_version_cmp			    /* 2.13 */
#pragma GCC poison json_object_update_new json_object_update_existing_new	    /* 2.13 */
#pragma GCC poison json_object_update_missing_new json_object_update_recursive	    /* 2.13 */
#pragma GCC poison json_object_getn json_object_setn json_object_setn_new json_object_deln /* 2.14 */
#pragma GCC poison json_object_iter_key_len					    /* 2.14 */

#endif
