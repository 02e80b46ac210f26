# SPDX-License-Identifier: GPL-2.0-or-later
"""netdata.py DIR INTERVAL [PLUGIN [OPTION...]]: becomes a netdata in this directory, new and empty, which takes nothing but
what the external plugin says each so many seconds, and tells nobody. Prints its URL first."""
import json
import os
import pwd
import socket
import sys
import urllib.request

OWN_PLUGINS = ('cgroups', 'checks', 'diskspace', 'idlejitter', 'netdata monitoring', 'netdata monitoring extended', 'proc',
               'slabinfo', 'statsd', 'tc', 'timex', 'enable running new plugins')
CONFIG = '''
[global]
	run as user = {user}
[directories]
	config = {top}
	stock config = {top}
	log = {top}
	cache = {top}
	lib = {top}
	home = {top}
	plugins = "{top}/plugins"
[db]
	mode = dbengine
	update every = {interval}
[logs]
	debug = {top}/debug
	error = {top}/error
	access = none
[health]
	enabled = no
[ml]
	enabled = no
[registry]
	enabled = no
[web]
	bind to = {address}
	web server threads = 1
[plugins]
	fed = yes
	{off}
[plugin:fed]
	command options = {options}
'''


def prepare(top, interval, *plugin):
    """(command, URL) of one in this directory, which runs the plugin, or none."""
    os.makedirs(os.path.join(top, 'plugins'))
    open(os.path.join(top, '.opt-out-from-anonymous-statistics'), 'w', encoding='ascii').close()
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        address = '127.0.0.1:%d' % s.getsockname()[1]
    with open(os.path.join(top, 'netdata.conf'), 'w', encoding='ascii') as f:
        f.write(CONFIG.format(top=top, user=pwd.getpwuid(os.getuid()).pw_name, interval=interval, address=address,
                              options=' '.join(plugin[1:]), off='\n\t'.join(name + ' = no' for name in OWN_PLUGINS)))
    if plugin:
        os.symlink(os.path.abspath(plugin[0]), os.path.join(top, 'plugins/fed.plugin'))
    return ['netdata', '-D', '-c', os.path.join(top, 'netdata.conf'), '-P', os.path.join(top, 'pid')], 'http://' + address


def ask(url, path):
    """What it answers, None while it has no answer."""
    try:
        with urllib.request.urlopen('%s/api/v1/%s' % (url, path), timeout=10) as r:
            return json.loads(r.read().decode())
    except OSError:
        return None


if __name__ == '__main__':
    command, where = prepare(os.path.abspath(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
    print(where, flush=True)
    os.execvp(command[0], command)
