#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""supplemental_pack ISO DIRECTORY RPM...: reads the pack as xapi, yum and the installer do, each part by its own rules."""
import gzip
import hashlib
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import end, ok  # noqa: E402

REPO = '{http://linux.duke.edu/metadata/repo}'
COMMON = '{http://linux.duke.edu/metadata/common}'
RPM = '{http://linux.duke.edu/metadata/rpm}'
UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$')


def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, **more).stdout


def read(*path):
    with open(os.path.join(*path), 'rb') as f:
        return f.read()


def query(package, what):
    return run('rpm', '-qp', '--nosignature', '--qf', what, package).decode()


def check_update(tree, packages):
    """xapi's parse_update_info, and what it shows of it."""
    update = ET.fromstring(read(tree, 'update.xml'))
    ok(update.tag == 'update' and set(update.attrib) == {'name-label', 'version', 'uuid', 'installation-size'},
       'update.xml has what xapi asks for, and no key: it is not signed')
    ok(re.match(r'[\w-]+$', update.get('name-label')) and update.find('name-description').text, 'a label of one word, and a description')
    ok(UUID.match(update.get('uuid')), 'a UUID')
    ok(update.get('version') == query(packages[0], '%{VERSION}'), "the package's version")
    ok(int(update.get('installation-size')) == sum(int(query(p, '%{SIZE}')) for p in packages), 'the room that xapi checks for')
    return update


def metadata(tree):
    """yum's files by their type, each of the size and digest that repomd.xml says."""
    found, good = {}, True
    for data in ET.fromstring(read(tree, 'repodata/repomd.xml')).iter(REPO + 'data'):
        content = read(tree, data.find(REPO + 'location').get('href'))
        digest = data.find(REPO + 'checksum')
        good &= hashlib.new(digest.get('type'), content).hexdigest() == digest.text
        found[data.get('type')] = gzip.decompress(content) if content[:2] == b'\x1f\x8b' else content
    ok(good and {'primary', 'filelists', 'other', 'group'} <= set(found), "yum's metadata are whole, each of its digest")
    return found


def check_packages(tree, primary, packages):
    listed, good = {}, True
    for p in ET.fromstring(primary).iter(COMMON + 'package'):
        place = os.path.join(tree, p.find(COMMON + 'location').get('href'))
        digest = p.find(COMMON + 'checksum')
        good &= hashlib.new(digest.get('type'), read(place)).hexdigest() == digest.text
        listed[p.find(COMMON + 'name').text] = (place, p)
    ok(good, 'each package is where the metadata have it, of its digest')
    ok(set(listed) == {query(p, '%{NAME}') for p in packages} | {'update-xenscope'}, 'no package is missing, none is too many')
    ok(all(read(p) == read(listed[query(p, '%{NAME}')][0]) for p in packages), 'they are what the pack was made of, byte for byte')
    return listed


def check_group(group):
    groups = {g.find('id').text: [(p.get('type'), p.text) for p in g.iter('packagereq')] for g in ET.fromstring(group).iter('group')}
    ok(groups == {'update': [('mandatory', 'update-xenscope')]}, 'the group that xapi installs is one package')


def check_needs(update, listed, packages):
    place, entry = listed['update-xenscope']
    needs = {r.get('name'): (r.get('flags'), r.get('ver')) for r in entry.iter(RPM + 'entry') if r.get('flags') == 'GE'}
    ok(needs == {query(p, '%{NAME}'): ('GE', query(p, '%{VERSION}')) for p in packages}, 'which needs all others, at least of this version')
    path = '/var/update/applied/' + update.get('uuid')
    ok(run('rpm', '-qlp', '--nosignature', place).decode().split() == [path], 'and has one file, where xapi looks for what is applied')
    content = run('cpio', '-i', '--quiet', '--to-stdout', '.' + path, input=run('rpm2cpio', place))
    ok(content == read(os.path.dirname(os.path.dirname(place)), 'update.xml'), 'which is update.xml')


def main(iso, tree, *packages):
    run('xorriso', '-osirrox', 'on', '-indev', iso, '-extract', '/', tree)
    ok(set(os.listdir(tree)) == {'update.xml', 'Packages', 'repodata'}, 'the disc has update.xml and a yum repository')
    update = check_update(tree, packages)
    found = metadata(tree)
    listed = check_packages(tree, found['primary'], packages)
    check_group(found['group'])
    check_needs(update, listed, packages)
    end()


main(*sys.argv[1:])
