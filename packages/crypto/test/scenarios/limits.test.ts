import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS, generateKeyPair } from '../../src/index.js';
import { newReceiverChain, takeSeed } from '../../src/ratchet/receiver-chain.js';
import { expectCode } from '../support/errors.js';
import { ALICE, establishedPair, Party } from '../support/party.js';
import { seededRandom } from '../support/random.js';

/** Alice sends `count` messages of which only those at `keep` are looked at. */
function sendMany(alice: Party, bob: Party, count: number, keep: readonly number[]) {
  const kept = new Map<number, ReturnType<Party['send']>>();
  for (let i = 0; i < count; i++) {
    const message = alice.send(bob, `m${i}`);
    if (keep.includes(i)) kept.set(i, message);
  }
  return (i: number) => {
    const message = kept.get(i);
    if (message === undefined) throw new Error(`message ${i} was not kept`);
    return message;
  };
}

describe('limits hold exactly', () => {
  test('2,000 skipped messages are kept, the oldest beyond are gone', () => {
    const { alice, bob } = establishedPair();
    const message = sendMany(alice, bob, 2003, [0, 1, 2, 2001, 2002]);
    expect(bob.receive(alice, message(2001))).toBe('m2001');
    expectCode('duplicate-message', () => bob.receive(alice, message(0)));
    expect(bob.receive(alice, message(1))).toBe('m1');
    expect(bob.receive(alice, message(2002))).toBe('m2002');
    expect(bob.receive(alice, message(2))).toBe('m2');
  });

  // SPQR counts the message itself where the Double Ratchet counts the messages before it (spqr.md §8), so with it the
  // limit is reached one message earlier.
  test.each([
    { pqRatchet: 'off' as const, gap: 300, accepted: true },
    { pqRatchet: 'off' as const, gap: 301, accepted: false },
    { pqRatchet: 'required' as const, gap: 299, accepted: true },
    { pqRatchet: 'required' as const, gap: 300, accepted: false },
  ])('a jump over $gap messages, limit 300, SPQR $pqRatchet: $accepted', ({ pqRatchet, gap, accepted }) => {
    const policy = { allowX3dh: false, pqRatchet };
    const { alice, bob } = establishedPair({ limits: { maxForwardJump: 300 }, policy });
    const message = sendMany(alice, bob, gap + 1, [gap])(gap);
    if (accepted) expect(bob.receive(alice, message)).toBe(`m${gap}`);
    else expectCode('invalid-message', () => bob.receive(alice, message));
  });

  test('the default limit of one chain is 25,000 messages, not one more', () => {
    const { maxForwardJump, maxSkippedSeeds } = DEFAULT_LIMITS;
    const { publicKey } = generateKeyPair(seededRandom(1));
    const chain = newReceiverChain(publicKey, { key: new Uint8Array(32), index: 0 });
    const jumped = takeSeed(chain, 25_000, maxForwardJump, maxSkippedSeeds);
    expect(jumped.chain.chainKey.index).toBe(25_001);
    expect(jumped.chain.skipped.length).toBe(2_000 * 36);
    expectCode('invalid-message', () => takeSeed(chain, 25_001, maxForwardJump, maxSkippedSeeds));
    expectCode('duplicate-message', () => takeSeed(jumped.chain, 22_999, maxForwardJump, maxSkippedSeeds));
    expect(takeSeed(jumped.chain, 23_000, maxForwardJump, maxSkippedSeeds).seed).toHaveLength(32);
  });

  test('the last counter of a chain is never used, on either side', () => {
    const { publicKey } = generateKeyPair(seededRandom(1));
    const chain = newReceiverChain(publicKey, { key: new Uint8Array(32), index: 0xffff_fffe });
    const last = takeSeed(chain, 0xffff_fffe, 1, 1).chain;
    expectCode('invalid-message', () => takeSeed(last, 0xffff_ffff, 1, 1));
    const { alice, bob } = establishedPair();
    const { current } = alice.record;
    if (current === null) throw new Error('no session');
    const { ratchet } = current;
    const chainKey = { key: new Uint8Array(32), index: 0xffff_ffff };
    const exhausted = { ...ratchet, sender: { ...ratchet.sender, chainKey } };
    alice.record = { current: { ...current, ratchet: exhausted }, archived: [] };
    expectCode('session-not-found', () => alice.send(bob, 'one too many'));
  });

  test('limits beyond u32 survive storing', () => {
    const limits = { maxForwardJump: Number.POSITIVE_INFINITY, maxSkippedSeeds: 2 ** 40 };
    const { alice, bob } = establishedPair({ limits });
    alice.reload();
    bob.reload();
    alice.send(bob, 'lost');
    expect(bob.receive(alice, alice.send(bob, 'after a jump'))).toBe('after a jump');
  });

  test('between two devices of one account the jump is not limited', () => {
    const identityKeyPair = generateKeyPair(seededRandom(77));
    const limits = { maxForwardJump: 20 };
    const phone = new Party({ name: ALICE, seed: 1, deviceId: 1, identityKeyPair, limits });
    const laptop = new Party({ name: ALICE, seed: 2, deviceId: 2, identityKeyPair, limits });
    phone.startSession(laptop);
    laptop.receive(phone, phone.send(laptop, 'sync'));
    expect(laptop.receive(phone, sendMany(phone, laptop, 50, [49])(49))).toBe('m49');
  });

  test('five receiver chains are kept; messages of a sixth, older one are lost', () => {
    const { alice, bob } = establishedPair();
    const late = [];
    for (let i = 0; i < 6; i++) {
      late.push(alice.send(bob, `late ${i}`));
      bob.receive(alice, alice.send(bob, `turn ${i}`));
      alice.receive(bob, bob.send(alice, `back ${i}`));
    }
    const [lost, ...kept] = late;
    if (lost === undefined) throw new Error('no message');
    expectCode('invalid-message', () => bob.receive(alice, lost));
    expect(kept.map((message) => bob.receive(alice, message))).toEqual(kept.map((_, i) => `late ${i + 1}`));
  });
});
