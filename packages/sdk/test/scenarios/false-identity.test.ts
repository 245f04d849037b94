import type { Aci, Submit } from '@sotto/protocol';
import { expect, test } from 'vitest';

import type { Rows, Tables } from '../../src/storage/tables.js';
import { equalBytes } from '../../src/util/bytes.js';
import { aciOfName, FakeRelay } from '../support/fake-relay.js';
import { envelopeFrom } from '../support/forge.js';
import { aliceAndBobTalking, Person } from '../support/person.js';

const NOTHING = new Uint8Array();

/** What a relay can make: a device of its own under somebody's name, with an identity that signs whatever is wanted. */
async function impostor(relay: FakeRelay, name: string, text: string, to: Person): Promise<Uint8Array> {
  const user = aciOfName(name);
  const genuine = relay.users.get(user);
  relay.users.delete(user);
  const evil = await new Person(name, relay).wake();
  await evil.online();
  const payload = new Promise<Uint8Array>((resolve) => {
    relay.onSubmit = (submit, from) => {
      if (from === user && submit.payloads[0]) resolve(submit.payloads[0]);
      return 'unavailable';
    };
  });
  await evil.say(to, text);
  const captured = await payload;
  await evil.sleep();
  relay.onSubmit = () => null;
  if (genuine) relay.users.set(user, genuine);
  return captured;
}

function signal(): { give: () => void; given: Promise<void> } {
  let give: () => void = () => undefined;
  const given = new Promise<void>((resolve) => (give = resolve));
  return { give, given };
}

/** The same tables; `after` is waited for after each commit. */
function observed<R extends Rows, T extends Tables<R>>(tables: T, after: () => Promise<void>): T {
  const write: Tables<R>['write'] = async (names, work) => {
    const value = await tables.write(names, work);
    await after();
    return value;
  };
  return { ...tables, write };
}

test('a device list of Alice herself under another identity is not believed: nothing is sealed for it', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  const other = new FakeRelay();
  await (await new Person('alice', other).wake()).online();
  const [mine, forged] = [relay.users.get(aciOfName('alice')), other.users.get(aciOfName('alice'))];
  if (!mine || !forged) throw new Error('not registered');
  relay.users.set(aciOfName('alice'), { ...mine, list: forged.list, identityKey: forged.identityKey });
  relay.mailbox('alice').socket?.handlers.onDeviceListChanged();
  const recipients: Aci[] = [];
  relay.onSubmit = (submit: Submit, from) => {
    if (from === aciOfName('alice')) recipients.push(...submit.recipients.map(({ user }) => user));
    return null;
  };
  await alice.say(bob, 'for Bob alone');
  await bob.texts(alice, 3);
  expect(new Set(recipients)).toEqual(new Set([aciOfName('bob')]));
});

test('a handshake under a false identity is shown as a change, also in front of a genuine message', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await alice.sleep();
  const forged = await impostor(relay, 'bob', 'forged by the relay', alice);
  relay.inject('alice', await envelopeFrom(bob, forged));
  await bob.say(alice, 'genuine');
  await bob.hasSent(alice, 'genuine');
  await alice.wake();
  const seen = await alice.sees(bob, (list) =>
    list.some(({ kind }) => kind === 'undecryptable' || kind === 'identity-changed'),
  );
  await relay.emptied('alice');
  const kinds = (await alice.sees(bob, (list) => list.length >= seen.length)).map(({ kind, text }) =>
    kind === 'text' ? text : kind,
  );
  const at = kinds.indexOf('forged by the relay');
  expect(kinds.slice(0, at === -1 ? undefined : at)).toContain('identity-changed');
});

test('what Bob wrote before he started afresh is read, although it arrives together with the news', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await alice.sleep();
  await bob.say(alice, 'last words');
  await bob.hasSent(alice, 'last words');
  await bob.sleep();
  relay.users.delete(aciOfName('bob'));
  const newBob = await new Person('bob', relay).wake();
  await newBob.online();
  await newBob.say(alice, 'new phone');
  await newBob.hasSent(alice, 'new phone');
  await alice.wake();
  const list = await alice.sees(bob, (messages) => messages.some(({ text }) => text === 'new phone'));
  expect(list.map(({ kind, text }) => (kind === 'text' ? text : kind))).toEqual([
    'hello',
    'hi',
    'last words',
    'identity-changed',
    'new phone',
  ]);
});

test('what Bob wrote before he started afresh is read once, although the news overtakes it between two commits', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await alice.sleep();
  await bob.say(alice, 'last words');
  await bob.hasSent(alice, 'last words');
  const envelope = relay.mailbox('alice').envelopes.pop();
  relay.mailbox('alice').head--;
  if (!envelope) throw new Error('nothing was sent');
  await bob.sleep();
  relay.users.delete(aciOfName('bob'));
  const newBob = await new Person('bob', relay).wake();
  await newBob.online();

  // His message comes while Alice's device is told of his new identity; it stands in her history when his old sessions go.
  const shown = signal();
  const forgotten = signal();
  const bobsIdentity = async (): Promise<Uint8Array | undefined> =>
    (await alice.vault.read(['peers'], (transaction) => transaction.get('peers', [aciOfName('bob')])))?.identityKey;
  const before = await bobsIdentity();
  let isShown = false;
  const history = observed(alice.history, async () => {
    const rows = await alice.history.read(['messages'], (transaction) => transaction.range('messages'));
    if (isShown || !JSON.stringify(rows).includes('last words')) return;
    isShown = true;
    shown.give();
    await forgotten.given;
  });
  const vault = observed(alice.vault, async () => {
    if (!equalBytes((await bobsIdentity()) ?? NOTHING, before ?? NOTHING)) forgotten.give();
  });
  relay.beforeAnswer = async (path) => {
    if (path !== `/v1/users/${aciOfName('bob')}/device-list`) return;
    relay.beforeAnswer = async () => undefined;
    relay.inject('alice', envelope);
    await shown.given;
  };
  await alice.wake({ history, vault });
  await alice.say(bob, 'are you there?');
  await forgotten.given;
  await relay.emptied('alice');
  const list = await alice.sees(bob, (messages) => messages.some(({ kind }) => kind === 'identity-changed'));
  expect(list.filter(({ kind }) => kind === 'undecryptable')).toEqual([]);
  expect(list.filter(({ text }) => text === 'last words')).toHaveLength(1);
});

test('what waits for the old Bob is held back when the new Bob writes first', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await bob.sleep();
  const tried = new Promise<void>((resolve) => {
    relay.onSubmit = (_, from) => {
      if (from !== aciOfName('alice')) return null;
      resolve();
      return 'unavailable';
    };
  });
  await alice.say(bob, 'for the old Bob only');
  await tried;
  relay.users.delete(aciOfName('bob'));
  const newBob = await new Person('bob', relay).wake();
  await newBob.online();
  await newBob.say(alice, 'it is me, really');
  const messages = await alice.sees(bob, (list) => list.some(({ text }) => text === 'it is me, really'));
  expect(messages.find(({ text }) => text === 'for the old Bob only')).toMatchObject({
    status: 'failed',
    failure: 'identity-changed',
  });
  relay.onSubmit = () => null;
  await alice.say(bob, 'who is there?');
  expect(await newBob.texts(alice, 2)).toEqual(['it is me, really', 'who is there?']);
});
