import { describe, expect, test } from 'vitest';
import type { HandshakePolicy } from '../../src/index.js';
import { expectCode } from '../support/errors.js';
import { ALICE, BOB, Party } from '../support/party.js';

const REQUIRED: HandshakePolicy = { allowX3dh: false, pqRatchet: 'required' };
const OPTIONAL: HandshakePolicy = { allowX3dh: false, pqRatchet: 'optional' };
const OFF: HandshakePolicy = { allowX3dh: false, pqRatchet: 'off' };

function meet(alicePolicy: HandshakePolicy | undefined, bobPolicy: HandshakePolicy | undefined) {
  const alice = new Party({ name: ALICE, seed: 1, ...(alicePolicy === undefined ? {} : { policy: alicePolicy }) });
  const bob = new Party({ name: BOB, seed: 2, ...(bobPolicy === undefined ? {} : { policy: bobPolicy }) });
  alice.startSession(bob);
  return { alice, bob };
}

/** Version of the post-quantum ratchet in a party's current session: 0 = none. */
function pqVersion({ record }: Party): number | undefined {
  return record.current?.pq.version;
}

function talk(alice: Party, bob: Party): void {
  for (let i = 0; i < 3; i++) {
    expect(bob.receive(alice, alice.send(bob, `a${i}`))).toBe(`a${i}`);
    expect(alice.receive(bob, bob.send(alice, `b${i}`))).toBe(`b${i}`);
  }
}

describe('which sessions come about', () => {
  test('by default the post-quantum ratchet is in use', () => {
    const { alice, bob } = meet(undefined, undefined);
    talk(alice, bob);
    expect([pqVersion(alice), pqVersion(bob)]).toEqual([1, 1]);
  });

  test.each([
    { alicePolicy: OPTIONAL, bobPolicy: OPTIONAL, version: 1 },
    { alicePolicy: REQUIRED, bobPolicy: OPTIONAL, version: 1 },
    { alicePolicy: OPTIONAL, bobPolicy: REQUIRED, version: 1 },
    { alicePolicy: OPTIONAL, bobPolicy: OFF, version: 0 },
    { alicePolicy: OFF, bobPolicy: OPTIONAL, version: 0 },
    { alicePolicy: OFF, bobPolicy: OFF, version: 0 },
  ])('Alice $alicePolicy.pqRatchet, Bob $bobPolicy.pqRatchet: version $version', (given) => {
    const { alice, bob } = meet(given.alicePolicy, given.bobPolicy);
    talk(alice, bob);
    expect([pqVersion(alice), pqVersion(bob)]).toEqual([given.version, given.version]);
  });

  test('Bob, who requires it, refuses a first message without it', () => {
    const { alice, bob } = meet(OFF, undefined);
    expectCode('invalid-message', () => bob.receive(alice, alice.send(bob, 'no SPQR')));
    expect(bob.record.current).toBeNull();
  });

  test('Alice, who requires it, refuses an answer without it', () => {
    const { alice, bob } = meet(undefined, OFF);
    // Without SPQR Bob derives other message keys: a peer that ignores field 5 cannot read a session that requires it.
    expectCode('invalid-message', () => bob.receive(alice, alice.send(bob, 'with SPQR')));
  });

  test('once in use it cannot be negotiated away', () => {
    const { alice, bob } = meet(OPTIONAL, OPTIONAL);
    talk(alice, bob);
    const { current } = bob.record;
    if (current === null) throw new Error('no session');
    bob.record = { ...bob.record, current: { ...current, pq: { version: 0 } } };
    expectCode('invalid-message', () => alice.receive(bob, bob.send(alice, 'downgraded')));
  });
});
