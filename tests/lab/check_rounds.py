# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal's records against the independent observer's."""
import check_seen

MODES = {'pml': 'pml', 'wp': 'ept_wp', 'npt': 'npt_wp'}
WORKING_SET = 16 * 256  # pages that the guest writes over and over
RATE = 8 * 256          # pages it writes a second
CLOCK = 0.25            # s: two clocks read apart, a loaded emulator between
MAX_DOWNTIME = 15       # s
HELPER = 15             # s that the helper takes at most before it switches tracking on
HARVEST = {'pml': 0.005, 'wp': 0.005, 'npt': 0.1} # s: what lies between the probes of agent and observer
# Those after the agent was killed may be seen by uprobes alone: then the helper's wait counts, too, while the agent that is
# starting has the one CPU.
STARTING = 0.1


def check_witnesses(tap, witness, step, episode):
    """Observer and stream are two witnesses of one migration: they must agree before anything is judged.
    Where tracking had been left on, Xen counts those pages again in the first harvest, and only there."""
    sent = witness.stream(step)[1:]
    dirtied = episode.dirtied
    if episode.had_been_left_on or witness.by_hand(episode.domid):
        tap.ok(sent and sent[0] <= dirtied[0], '%s: the first harvest counts what had been left' % step, sent, dirtied)
        sent, dirtied = sent[1:], dirtied[1:]
    tap.equal(sent, [d for d in dirtied if d], '%s: the pages in the stream are those that the observer saw dirtied' % step)


def check_bytes(tap, witness, step, record):
    """The helper writes some words to xl, too, and the stream's head before tracking begins. With the one CPU that Dom0 has
    here it may be gone before the agent, which is nice, can ask for its last byte; under Bochs it always is."""
    want, got = witness.stream_bytes(step), record['bytes_sent']
    if got is not None:
        tap.near(got, want, want * 0.005, '%s: it sent the %d bytes of the stream' % (step, want))
    return got is not None


def numbered(tap, step, record):
    """0, 1, 2 ...; after a gap of unknown length the numbers are null."""
    numbers = [r['n'] for r in record['rounds']]
    known = [n for n in numbers if n is not None]
    tap.equal(numbers, list(range(len(known))) + [None] * (len(numbers) - len(known)),
              '%s: the rounds are numbered as far as that can be known' % step)
    tap.ok(len(known) == len(numbers) or record['rounds_unseen'] is None,
           '%s: a round without a number comes with an unknown number of unseen ones' % step, record)


def harvest_of(episode, rounds, i):
    """Which of the observer's harvests ended this round: by its number, else counted from the end."""
    n = rounds[i]['n']
    return n if n is not None else episode.rounds - len(rounds) + i


def check_figures(tap, boot, step, record, episode):
    """Every figure that the record gives is the observer's; what nobody saw is null."""
    rounds = record['rounds']
    numbered(tap, step, record)
    tap.equal(record['rounds_begun'], len(rounds), '%s: rounds_begun counts them' % step)
    for i, r in enumerate(rounds):
        at = harvest_of(episode, rounds, i)
        clean = episode.cleans[at]
        doubtful = 1 if episode.had_been_left_on else 0 # harvests that count more than was dirtied
        if i == 0 and doubtful:
            tap.equal((r['pages_dirtied'], rounds[1]['pages_sent']), (None, None),
                      '%s: a harvest that counts pages of an abandoned tracking is not believed' % step)
        if not r['seen']:
            tap.ok(r['pages_dirtied'] is None and r['pages_sent'] is None,
                   '%s: round %s, which nobody saw, has no figures' % (step, r['n']), r)
        if r['pages_dirtied'] is not None and at >= doubtful:
            tap.equal(r['pages_dirtied'], clean.dirty, '%s: round %s dirtied %d pages' % (step, r['n'], clean.dirty))
            slack = STARTING if step == 'mid_round' and at >= 1 else HARVEST[boot]
            tap.near(r['harvest_seconds'], clean.seconds, slack, '%s: round %s was harvested in %.1f ms' %
                     (step, r['n'], clean.seconds * 1e3))
        if r['pages_sent'] is not None and at > doubtful:
            tap.equal(r['pages_sent'], episode.cleans[at - 1].dirty, '%s: round %s sent what was dirty before' %
                      (step, r['n']))


def check_all_seen(tap, boot, step, record, episode):
    check_figures(tap, boot, step, record, episode)
    tap.equal(len(record['rounds']), episode.rounds, '%s: as many rounds as the observer saw' % step)
    tap.ok(all(r['seen'] for r in record['rounds']), '%s: every round was seen' % step, record['rounds'])
    tap.equal(record['final']['pages'], episode.cleans[-1].dirty, '%s: the final pass' % step)


def check_whole(tap, boot, step, record, episode):
    """A migration that was seen from its beginning to its end."""
    check_all_seen(tap, boot, step, record, episode)
    tap.equal(record['rounds_unseen'], 0, '%s: rounds_unseen says that nothing was missed' % step)
    tap.ok(all(r['pages_dirtied'] is not None for r in record['rounds']),
           '%s: every round has its dirtied pages' % step, record['rounds'])
    tap.equal(record['result'], 'completed', '%s: it completed' % step)
    tap.equal(record['tracking_mode'], MODES[boot], '%s: the tracking mode is %s' % (step, MODES[boot]))
    tap.ok(episode.cleans[-1].final and not any(c.final for c in episode.cleans[:-1]),
           '%s: the observer saw one final harvest, the last' % step)
    tap.ok(-CLOCK < episode.enable.at - record['started'] < HELPER,
           '%s: it began with its helper, before tracking was switched on' % step, record['started'], episode.enable.at)
    tap.near(record['ended'], episode.off.at, CLOCK, '%s: it ended when tracking was switched off' % step)
    tap.equal(record['rounds_source'], 'bpf', '%s: the rounds come from the best source' % step)
    tap.equal(record['toolstack'], 'xl', '%s: the toolstack is xl' % step)
    tap.equal(record['tracking_left_on'], False, '%s: tracking was not left on' % step)
    check_final_phase(tap, step, record, episode)
    check_dirty_rate(tap, boot, step, record)


def check_final_phase(tap, step, record, episode):
    final = record['final']
    steps = [final[s] for s in ('requested', 'suspended', 'harvested', 'sent', 'done')] + [record['released']]
    tap.ok(None not in steps and steps == sorted(steps),
           '%s: the last phase is asked for, suspended, harvested, sent, done, and the guest runs again' % step, steps)
    tap.near(final['harvested'], episode.cleans[-1].at, CLOCK, '%s: harvested when the observer saw it' % step)
    tap.near(final['done'], episode.off.at, CLOCK, '%s: done when tracking was switched off' % step)
    tap.equal((record['downtime_source'], record['released_source']), ('both_ends', 'hypercall'),
              '%s: both ends of the downtime were seen' % step)
    tap.ok(final['seconds'] < record['downtime_seconds'] < MAX_DOWNTIME,
           '%s: the guest was away for %.3f s, %.3f of them until done' % (step, record['downtime_seconds'], final['seconds']))


def check_dirty_rate(tap, boot, step, record):
    first = record['rounds'][0]['pages_dirtied']
    tap.ok(WORKING_SET <= first <= WORKING_SET * 1.25,
           '%s: round 0 dirtied the guest\'s working set, %d pages, and little more' % (step, WORKING_SET), first)
    if boot == 'npt':
        return # QEMU's guest gets what time the machine has
    for r in record['rounds'][1:]:
        if r['seconds'] and r['seconds'] > 0.4:
            rate = r['pages_dirtied'] / r['seconds']
            tap.ok(0.4 * RATE < rate < 1.4 * RATE, '%s: round %d has the guest\'s dirty rate, about %d pages/s' %
                   (step, r['n'], RATE), rate)


def check_after_off(tap, boot, witness, record, episode):
    """Killed when all rounds were over: they must have been noted; the end may have been missed."""
    step, kill = 'after_off', witness.kill('after_off')
    if not tap.ok(kill, '%s: the agent was killed' % step, witness.text('kill-after_off.txt')):
        return
    tap.note('killed %.1f ms after the OFF' % kill[1])
    check_all_seen(tap, boot, step, record, episode)
    tap.ok(record['rounds_unseen'] in (0, None), '%s: rounds_unseen counts no round' % step, record['rounds_unseen'])
    tap.ok(record['result'] in ('completed', 'lost'), '%s: it completed, or its end was lost' % step, record['result'])


def check_mid_round(tap, boot, witness, record, episode):
    """Killed in round 1: what was noted before is kept, and what nobody saw is not invented."""
    step, kill = 'mid_round', witness.kill('mid_round')
    if not tap.ok(kill, '%s: the agent was killed' % step, witness.text('kill-mid_round.txt')):
        return
    tap.note('killed %.1f ms after the first CLEAN' % kill[1])
    check_figures(tap, boot, step, record, episode)
    harvests = [r['n'] for r in record['rounds'] if r['pages_dirtied'] is not None]
    unseen = sum(not r['seen'] for r in record['rounds'])
    tap.note('the observer saw %d harvests; the record has those of rounds %r, rounds_unseen %r' %
             (len(episode.cleans), harvests, record['rounds_unseen']))
    tap.ok(0 in harvests, '%s: round 0, harvested before the kill, is kept' % step, record['rounds'])
    tap.ok(record['rounds_unseen'] in (None, unseen), '%s: rounds_unseen counts the rounds that nobody saw' % step,
           record['rounds_unseen'], record['rounds'])
    tap.ok(len(record['rounds']) == episode.rounds or record['rounds_unseen'] is None,
           '%s: what was missed is not denied' % step, record)
    tap.ok(record['result'] in ('completed', 'lost'), '%s: it ended' % step, record['result'])


def check_fail(tap, record, episode):
    step = 'fail'
    tap.equal(episode.off, None, '%s: the observer saw no OFF' % step)
    tap.equal(record['result'], 'failed', '%s: it is called failed' % step)
    tap.ok(record['reason'], '%s: with a reason: %s' % (step, record['reason']))
    tap.equal(record['tracking_left_on'], True, '%s: tracking was left on, and the record says so' % step)
    check_left(tap, step, record, episode)


def check_interrupted(tap, record, episode):
    step = 'interrupted'
    tap.equal(episode.off, None, '%s: the observer saw no OFF' % step)
    tap.equal(record['result'], 'aborted', '%s: it is called aborted' % step)
    tap.ok(record['reason'].startswith('xl was ended by SIGINT'), '%s: with who and by what: %s' % (step, record['reason']))
    tap.equal(record['tracking_left_on'], True, '%s: tracking was left on, and the record says so' % step)
    check_left(tap, step, record, episode)


def check_pair(tap, boot, witness, record, episode):
    """One of two migrations at the same time: nothing of the other's."""
    step = 'pair-' + record['name']
    check_witnesses(tap, witness, step, episode)
    check_all_seen(tap, boot, step, record, episode)
    tap.equal((record['result'], record['direction'], record['rounds_unseen']), ('completed', 'local', 0),
              '%s: it completed, on this host, with all its rounds' % step)
    tap.equal(record['downtime_source'], 'both_ends', '%s: both ends of the downtime were seen' % step)


def check_side_by_side(tap, steps, witness):
    pair = [e for s, e in zip(steps, witness.episodes) if s == 'pair']
    if pair:
        tap.ok(max(e.enable.at for e in pair) < min(e.off.at for e in pair), 'pair: the two ran at the same time')


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
    check_side_by_side(tap, steps, witness)
    if 'pair' in steps:
        check_seen.check(tap, 'several', witness.text('seen-several.txt'),
                         [r for s, r in zip(steps, journal) if s in ('pair', 'save')])
    counted = False
    for step, record, episode in zip(steps, journal, witness.episodes):
        tap.ok(record['name'] in (('idle1', 'idle2') if step == 'pair' else ('work',)), '%s: the guest\'s name' % step, record)
        if step in ('clean', 'sampled', 'taken', 'after_off', 'mid_round'):
            check_witnesses(tap, witness, step, episode)
        if step in ('clean', 'sampled', 'taken'):
            check_whole(tap, boot, step, record, episode)
            counted = check_bytes(tap, witness, step, record) or counted
        elif step == 'after_off':
            check_after_off(tap, boot, witness, record, episode)
        elif step == 'mid_round':
            check_mid_round(tap, boot, witness, record, episode)
        elif step == 'fail':
            check_fail(tap, record, episode)
        elif step == 'interrupted':
            check_interrupted(tap, record, episode)
        elif step == 'pair':
            check_pair(tap, boot, witness, record, episode)
        elif step == 'save':
            check_save(tap, record, episode)
    tap.note('bytes_sent is %s' % ('known' if counted else 'unknown of all: each helper ended before it could be asked'))
