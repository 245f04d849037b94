import { expect, test } from 'vitest';

import { checkHistory } from '../../chaos/checker.js';
import type { Observation } from '../../chaos/history.js';
import { FAULTS, makePlan } from '../../chaos/plan.js';

const submitted = (message: string, sender = 'alice', recipients = ['bob']): Observation => ({
  kind: 'submitted',
  sender,
  message,
  recipients,
  content: `of ${message}`,
});
const answered = (
  message: string,
  outcome: 'stored' | 'duplicate' | 'mailbox-full' | 'device-gone' = 'stored',
): Observation => ({
  kind: 'answered',
  message,
  outcomes: { bob: outcome },
});
const welcomed = (connection: number, after = 0): Observation => ({
  kind: 'welcomed',
  recipient: 'bob',
  connection,
  after,
});
const delivered = (seq: number, message: string, connection = 1): Observation => ({
  kind: 'delivered',
  recipient: 'bob',
  connection,
  seq,
  message,
  content: `of ${message}`,
});
const held = (seq: number, message: string): Observation => ({
  kind: 'held',
  recipient: 'bob',
  seq,
  message,
  content: `of ${message}`,
});

/** Alice sends one, two and three, each acknowledged; Bob gets them. */
const sent = ['one', 'two', 'three'].flatMap((message) => [submitted(message), answered(message)]);
const good = [...sent, welcomed(1), delivered(1, 'one'), delivered(2, 'two'), delivered(3, 'three')];

test('a good history has no violations; nor has one in which Bob reconnects and is told again', () => {
  expect(checkHistory(good)).toEqual([]);
  const again = [welcomed(2, 1), delivered(2, 'two', 2), delivered(3, 'three', 2)];
  expect(checkHistory([...good, ...again])).toEqual([]);
  expect(checkHistory([...good, answered('one', 'duplicate')])).toEqual([]);
});

test('what is still in the mailbox is not lost; what was refused or never answered may be missing', () => {
  expect(checkHistory([...sent, held(1, 'one'), held(2, 'two'), held(3, 'three')])).toEqual([]);
  expect(checkHistory([...good, submitted('four'), answered('four', 'mailbox-full'), submitted('five')])).toEqual([]);
});

test.each<[string, RegExp, Observation[]]>([
  ['the last message is lost', /^lost: three/, good.slice(0, -1)],
  [
    'a living device is said to be gone',
    /^refused: .* four/,
    [...good, submitted('four'), answered('four', 'device-gone')],
  ],
  ['a duplicate was never stored', /^lost: four/, [...good, submitted('four'), answered('four', 'duplicate')]],
  ['one in the middle is lost', /^lost: two/, good.filter((each) => each !== good[8])],
  [
    'two overtakes one',
    /^order: two of alice|^order: one of alice/,
    [...sent, welcomed(1), delivered(1, 'two'), delivered(2, 'one'), delivered(3, 'three')],
  ],
  [
    'a socket skips a seq',
    /^order: bob\/1 was delivered 3 after 1/,
    [...sent, welcomed(1), delivered(1, 'one'), delivered(3, 'three'), delivered(2, 'two')],
  ],
  ['a socket begins above its cursor', /^order: bob\/2/, [...good, welcomed(2, 1), delivered(3, 'three', 2)]],
  ['a socket is delivered before its welcome', /^order: bob\/2/, [...good, delivered(3, 'three', 2)]],
  ['a message comes under two seqs', /^doubled: one reached bob/, [...good, delivered(4, 'one')]],
  ['a retry is stored twice', /^doubled: one was stored twice/, [...good, answered('one')]],
  [
    'a seq is two envelopes',
    /^rewritten: seq 3/,
    [...good, submitted('four'), welcomed(2, 2), delivered(3, 'four', 2)],
  ],
  ['the mailbox has a gap', /^gap: bob/, [...sent, held(1, 'one'), held(2, 'two'), held(4, 'three')]],
  ['something arrives that nobody sent', /^strange: zero/, [...good, delivered(4, 'zero')]],
  [
    'something arrives at the wrong recipient',
    /^strange: four reached bob/,
    [...good, submitted('four', 'alice', ['carol']), delivered(4, 'four')],
  ],
  [
    'content is altered',
    /^altered: four/,
    [...good, submitted('four'), { ...delivered(4, 'four'), content: 'else' } as Observation],
  ],
  ['an anomaly was noted', /^the mailbox was reset/, [...good, { kind: 'anomaly', what: 'the mailbox was reset' }]],
])('the checker fails when %s', (_what, violation, history) => {
  expect(checkHistory(history)).toContainEqual(expect.stringMatching(violation));
});

test('one seed is one plan, and each kind of fault comes once before any comes twice', () => {
  expect(makePlan(5, 50, 2)).toEqual(makePlan(5, 50, 2));
  expect(makePlan(5, 50, 2)).not.toEqual(makePlan(6, 50, 2));
  const kinds = makePlan(5, FAULTS.length * 2, 2).map(({ fault }) => fault);
  expect(kinds.slice(0, FAULTS.length).sort()).toEqual([...FAULTS].sort());
  expect(kinds.slice(FAULTS.length).sort()).toEqual([...FAULTS].sort());
});
