# SPDX-License-Identifier: GPL-2.0-or-later
"""The feature report of a boot."""

EXPECTED = {
    # boot: Xen itself uses SMAP, its reason; PML's state, its reason
    'pml': ('yes', None, 'in_use', None),
    'wp': ('no', 'smap=hvm', 'disabled', 'ept=no-pml'),
    'npt': ('yes', None, 'unsupported', None),
}


def check(tap, boot, witness, report, moved):
    smap, smap_reason, pml, pml_reason = EXPECTED[boot]
    features = report.get('features', {})
    for name in 'smap', 'smep':
        f = features.get(name, {})
        for level, featureset in (('cpu', 'raw'), ('host', 'host'), ('hvm', 'hvm'), ('pv', 'pv')):
            want = 'yes' if witness.featureset(featureset).get(name) else 'no'
            tap.equal(f.get(level), want, '%s, %s: as the hypervisor\'s own featureset "%s" says, %s' %
                      (name, level, featureset, want))
        tap.equal(f.get('cpu'), 'yes', '%s is in the CPU of this lab' % name)
        tap.equal(f.get('hvm'), 'yes', '%s is offered to guests' % name)
        tap.equal(f.get('confidence'), 'exact', '%s: the answer is exact' % name)
    smap_state, smep_state = features.get('smap', {}), features.get('smep', {})
    tap.equal(smap_state.get('xen'), smap, 'Xen itself uses SMAP: %s' % smap)
    if smap_reason:
        tap.ok(smap_reason in (smap_state.get('reason') or ''), 'the reason names %s' % smap_reason,
               smap_state.get('reason'))
    tap.equal(smep_state.get('xen'), 'yes', 'Xen itself uses SMEP')
    got = report.get('pml', {})
    tap.equal(got.get('state'), pml, 'PML is %s' % pml)
    if pml_reason:
        tap.ok(pml_reason in (got.get('reason') or ''), 'the reason names %s' % pml_reason, got.get('reason'))
    check_guests(tap, report, moved)


def check_guests(tap, report, moved):
    """moved: guests that came anew at the end; CR4 is read half a minute after that."""
    guests = {d['name']: d for d in report.get('domains', []) if d.get('domid')}
    for name in 'idle1', 'idle2':
        for feature in 'smap', 'smep':
            f = guests.get(name, {}).get('features', {}).get(feature, {})
            tap.ok(f.get('exposed') == 'yes' and f.get('active') in ('yes', 'unknown' if name in moved else 'yes'),
                   'guest %s: %s is exposed by its policy and active in its CR4' % (name, feature), f)
    dom0 = [d for d in report.get('domains', []) if d.get('domid') == 0]
    tap.ok(len(dom0) == 1 and dom0[0]['features']['smap']['exposed'] != 'yes',
           'Dom0, a PV guest, is not said to have SMAP', dom0)
