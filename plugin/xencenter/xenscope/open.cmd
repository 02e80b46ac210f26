@echo off
rem SPDX-License-Identifier: GPL-2.0-or-later
rem XenCenter gives the server's address first. The session that it gives behind that is not used.
start "" "https://%~1/services/plugin/xenscope/"
