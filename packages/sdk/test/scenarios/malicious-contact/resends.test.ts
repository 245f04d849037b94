import { expect, test } from 'vitest';

import { resendRequest } from '../../../src/content/kinds/resend.js';
import { aciOfName } from '../../support/fake-relay.js';
import { honestContent, sendForged } from '../../support/forge.js';
import { aliceAndBobTalking, Person } from '../../support/person.js';
import { isText, kindsOf } from '../../support/shown.js';

test('a contact that asks for what was written to others, or for the same again and again, gets it once at most', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  const carol = await new Person('carol', relay).wake();
  await carol.online();
  const toCarol: Uint8Array[] = [];
  relay.onSubmit = (submit, from) => {
    if (from === aciOfName('alice') && submit.recipients.some(({ user }) => user === aciOfName('carol')))
      toCarol.push(submit.id);
    return null;
  };
  await alice.say(carol, 'for Carol alone');
  await carol.texts(alice, 1);
  await carol.sees(alice, isText);
  await relay.emptied('alice');
  await bob.sleep();
  const sentToBob = await alice.vault.read(['sent'], (transaction) => transaction.range('sent'));
  const own = sentToBob.find(({ user, kind }) => user === aciOfName('bob') && kind === 'text');
  if (!own || !toCarol[0]) throw new Error('nothing was sent');
  const envelopes = [Buffer.from(toCarol[0]).toString('base64url'), own.envelope];
  const head = relay.mailbox('bob').head;
  for (let i = 0; i < 5; i++) {
    const content = await honestContent(bob, alice);
    const body = { envelopes, counters: [own.counter, 9_999], after: 0 };
    await sendForged(bob, alice, { ...content, kind: resendRequest.name, counter: 3 + i, body });
  }
  await relay.emptied('alice');
  await alice.sees(bob, ({ length }) => length === 2);
  await alice.say(bob, 'enough');
  await alice.hasSent(bob, 'enough');
  const answered = await alice.vault.read(['sent'], (transaction) => transaction.range('sent'));
  const forBob = answered.filter(({ user, kind }) => user === aciOfName('bob') && kind !== 'resend-answer');
  // Each of what was ever sealed to Bob once, one answer for what is not sent again, and the new message.
  expect(relay.mailbox('bob').head - head).toBeLessThanOrEqual(forBob.length + 2);
  await bob.wake();
  const list = await bob.sees(alice, (all) => all.some(({ text }) => text === 'enough'));
  expect(kindsOf(list)).toEqual(['hello', 'hi', 'enough']);
});
