# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal's records against the independent observer's."""

MODES = {'pml': 'pml', 'wp': 'ept_wp', 'npt': 'npt_wp'}
WORKING_SET = 16 * 256  # pages that the guest writes over and over
RATE = 8 * 256          # pages it writes a second
CLOCK = 0.25            # s: two clocks read apart, a loaded emulator between


def check_witnesses(tap, witness, step, episode):
    """Observer and stream are two witnesses of one migration: they must agree before anything is judged."""
    sent = witness.stream(step)
    tap.equal(sent[1:], episode.dirtied, '%s: the pages in the stream are those that the observer saw dirtied' % step)


def check_rounds(tap, step, record, episode):
    """Every figure that the record gives is the observer's; what it does not give it counts as unseen."""
    rounds = record['rounds']
    unseen = [r['n'] for r in rounds if not r['seen']]
    tap.equal([r['n'] for r in rounds], list(range(len(rounds))), '%s: the rounds are numbered without a gap' % step)
    tap.equal(len(rounds), len(episode.cleans), '%s: as many rounds as the observer saw' % step)
    tap.equal(record['rounds_begun'], len(rounds), '%s: rounds_begun counts them' % step)
    if unseen:
        tap.ok(record['rounds_unseen'] in (None, len(unseen)), '%s: rounds_unseen counts what nobody saw' % step,
               record['rounds_unseen'], unseen)
    else:
        tap.equal(record['rounds_unseen'], 0, '%s: rounds_unseen says that nothing was missed' % step)
    for r, clean in zip(rounds, episode.cleans):
        if r['seen']:
            if r['pages_dirtied'] is not None:
                tap.equal(r['pages_dirtied'], clean.dirty, '%s: round %d dirtied %d pages' % (step, r['n'], clean.dirty))
                tap.near(r['harvest_seconds'], clean.seconds, 0.005, '%s: round %d was harvested in %.1f ms' %
                         (step, r['n'], clean.seconds * 1e3))
        else:
            tap.ok(r['pages_dirtied'] is None and r['pages_sent'] is None,
                   '%s: round %d, which nobody saw, has no figures' % (step, r['n']), r)
    for r, before in zip(rounds[1:], episode.cleans):
        if r['pages_sent'] is not None:
            tap.equal(r['pages_sent'], before.dirty, '%s: round %d sent what was dirty before' % (step, r['n']))
    return unseen


def check_whole(tap, boot, record, episode):
    """A migration that was seen from its beginning to its end."""
    step = 'clean'
    unseen = check_rounds(tap, step, record, episode)
    tap.equal(unseen, [], '%s: every round was seen' % step)
    tap.ok(all(r['pages_dirtied'] is not None for r in record['rounds']),
           '%s: every round has its dirtied pages' % step, record['rounds'])
    tap.equal(record['result'], 'completed', '%s: it completed' % step)
    tap.equal(record['tracking_mode'], MODES[boot], '%s: the tracking mode is %s' % (step, MODES[boot]))
    tap.equal(record['final']['pages'], episode.cleans[-1].dirty, '%s: the final pass' % step)
    tap.ok(episode.cleans[-1].final and not any(c.final for c in episode.cleans[:-1]),
           '%s: the observer saw one final harvest, the last' % step)
    tap.near(record['started'], episode.enable.at, 1, '%s: it began when tracking was switched on' % step)
    tap.near(record['ended'], episode.off.at, CLOCK, '%s: it ended when tracking was switched off' % step)
    tap.equal(record['rounds_source'], 'bpf', '%s: the rounds come from the best source' % step)
    tap.equal(record['toolstack'], 'xl', '%s: the toolstack is xl' % step)
    tap.equal(record['tracking_left_on'], False, '%s: tracking was not left on' % step)
    tap.ok(record['downtime_seconds'] is not None and 0 < record['downtime_seconds'] < 5,
           '%s: the downtime is known' % step, record['downtime_seconds'])
    check_dirty_rate(tap, record)


def check_dirty_rate(tap, record):
    first = record['rounds'][0]['pages_dirtied']
    tap.ok(WORKING_SET <= first <= WORKING_SET * 1.25,
           'clean: round 0 dirtied the guest\'s working set, %d pages, and little more' % WORKING_SET, first)
    for r in record['rounds'][1:]:
        if r['seconds'] and r['seconds'] > 0.4:
            rate = r['pages_dirtied'] / r['seconds']
            tap.ok(0.4 * RATE < rate < 1.4 * RATE, 'clean: round %d has the guest\'s dirty rate, about %d pages/s' %
                   (r['n'], RATE), rate)


def check_after_off(tap, witness, record, episode):
    step, kill = 'after_off', witness.kill('after_off')
    if not tap.ok(kill, '%s: the agent was killed' % step, witness.text('kill-after_off.txt')):
        return
    tap.note('killed %.1f ms after the OFF' % kill[1])
    unseen = check_rounds(tap, step, record, episode)
    tap.equal(unseen, [], '%s: every round was noted before the kill' % step)
    tap.ok(record['result'] in ('completed', 'lost'), '%s: it completed, or its end was lost' % step, record['result'])


def check_mid_round(tap, witness, record, episode):
    step, kill = 'mid_round', witness.kill('mid_round')
    if not tap.ok(kill, '%s: the agent was killed' % step, witness.text('kill-mid_round.txt')):
        return
    tap.note('killed %.1f ms after the first CLEAN' % kill[1])
    unseen = check_rounds(tap, step, record, episode)
    tap.note('rounds that nobody saw: %r' % unseen)
    if 0 not in unseen:
        tap.equal(record['rounds'][0]['pages_dirtied'], episode.dirtied[0],
                  '%s: round 0, harvested before the kill, is kept' % step)
    tap.ok(record['result'] in ('completed', 'lost'), '%s: it ended' % step, record['result'])


def check_fail(tap, record, episode):
    step = 'fail'
    tap.equal(episode.off, None, '%s: the observer saw no OFF' % step)
    tap.ok(record['result'] in ('failed', 'lost'), '%s: it is not called completed' % step, record['result'])
    tap.ok(record['reason'], '%s: with a reason: %s' % (step, record['reason']))
    tap.equal(record['tracking_left_on'], True, '%s: tracking was left on, and the record says so' % step)
    check_left(tap, step, record, episode)


def check_left(tap, step, record, episode):
    done = [r['pages_dirtied'] for r in record['rounds'] if r['pages_dirtied'] is not None]
    tap.equal(done, episode.dirtied, '%s: the harvests that there were' % step)


def check_save(tap, record, episode):
    step = 'save'
    tap.equal(episode.cleans, [], '%s: the observer saw no harvest' % step)
    tap.equal(record['direction'], 'save', '%s: the record is that of a save' % step)
    tap.equal(record['result'], 'completed', '%s: it completed' % step)


def check(tap, boot, witness, steps, journal):
    """steps: the words that the scenario was given, in order."""
    tap.ok(witness.complete, 'the independent observer ran to the end')
    if not tap.equal(len(witness.episodes), len(steps), 'the observer saw as many migrations and saves as there were'):
        return
    ids = [r['id'] for r in journal]
    tap.equal(len(ids), len(set(ids)), 'no record is in the journal twice')
    if not tap.equal([(r['domid']) for r in journal], [e.domid for e in witness.episodes],
                     'the journal has each of them once, in their order'):
        return
    for step, record, episode in zip(steps, journal, witness.episodes):
        tap.equal(record['name'], 'work', '%s: the guest\'s name' % step)
        if step in ('clean', 'after_off', 'mid_round'):
            check_witnesses(tap, witness, step, episode)
        if step == 'clean':
            check_whole(tap, boot, record, episode)
        elif step == 'after_off':
            check_after_off(tap, witness, record, episode)
        elif step == 'mid_round':
            check_mid_round(tap, witness, record, episode)
        elif step == 'fail':
            check_fail(tap, record, episode)
        elif step == 'save':
            check_save(tap, record, episode)
