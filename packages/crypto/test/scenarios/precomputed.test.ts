import { describe, expect, test } from 'vitest';
import {
  agree,
  decryptMessage,
  decryptPreKeyMessage,
  encrypt,
  generateKeyPair,
  Precomputed,
  precomputeMessage,
  precomputePreKeyMessage,
  precomputeStart,
  serializeSessionRecord,
  startSession,
  verify,
  webCryptoAccelerator,
  type Accelerator,
  type PrivatePreKeys,
  type RandomBytes,
} from '../../src/index.js';
import { Agreement, agreeOrLookUp } from '../../src/keys/agreement.js';
import { SignatureVerdict, verifyOrLookUp } from '../../src/keys/signature-verdict.js';
import { utf8 } from '../support/bytes.js';
import { expectCode } from '../support/errors.js';
import { aliceAndBob, establishedPair, NOW, type Party } from '../support/party.js';
import { seededRandom } from '../support/random.js';

/** Counts what it was asked for; draws key pairs from the same source as the core would. */
function countingAccelerator(
  random: RandomBytes,
): Accelerator & { count: { agree: number; keys: number; verify: number } } {
  const count = { agree: 0, keys: 0, verify: 0 };
  return {
    count,
    agree: (ours, theirs) => {
      count.agree++;
      return Promise.resolve(agree(ours.privateKey, theirs));
    },
    generateKeyPair: () => {
      count.keys++;
      return Promise.resolve(generateKeyPair(random));
    },
    verify: (...args) => {
      count.verify++;
      return Promise.resolve(verify(...args));
    },
  };
}

const unusable: Accelerator = {
  agree: () => Promise.reject(new Error('no')),
  generateKeyPair: () => Promise.resolve(generateKeyPair(seededRandom(5))),
  verify: (...args) => Promise.resolve(verify(...args)),
};

function common(who: Party, peer: Party) {
  return { record: who.record, local: who.local, remote: peer.local.address };
}

/** A source that must not be asked: the operation has everything it needs. */
const forbidden: RandomBytes = () => {
  throw new Error('randomness drawn in spite of precomputation');
};

describe('with and without precomputation the result is the same', () => {
  test('a turn of the DH ratchet', async () => {
    const { alice, bob } = establishedPair();
    const { bytes } = alice.send(bob, 'turn');
    const accelerator = countingAccelerator(seededRandom(9));
    const precomputed = await precomputeMessage({ record: bob.record, bytes }, accelerator);
    expect(accelerator.count).toEqual({ agree: 2, keys: 1, verify: 0 });
    const plain = decryptMessage({ ...common(bob, alice), bytes, random: seededRandom(9) });
    const fast = decryptMessage({ ...common(bob, alice), bytes, random: forbidden, precomputed });
    expect(serializeSessionRecord(fast.record)).toEqual(serializeSessionRecord(plain.record));
    expect(fast.plaintext).toEqual(plain.plaintext);
  });

  test('a known chain needs nothing', async () => {
    const { alice, bob } = establishedPair();
    bob.receive(alice, alice.send(bob, 'turn'));
    const { bytes } = alice.send(bob, 'same chain');
    expect(await precomputeMessage({ record: bob.record, bytes }, unusable)).toBe(Precomputed.none);
  });

  test('a whole handshake', async () => {
    const { alice, bob } = aliceAndBob();
    const bundle = bob.bundle();
    const accelerator = countingAccelerator(seededRandom(9));
    const precomputed = await precomputeStart({ local: alice.local, bundle }, accelerator);
    expect(accelerator.count).toEqual({ agree: 5, keys: 2, verify: 2 });
    const input = { ...common(alice, bob), bundle, now: NOW };
    // The KEM randomness is drawn between the two key pairs when nothing is precomputed.
    const [first, second] = [seededRandom(9), seededRandom(9)];
    const keys = [generateKeyPair(first), generateKeyPair(first)].map(({ privateKey }) => privateKey);
    const order = [keys[0], seededRandom(4)(32), keys[1]];
    const plain = startSession({ ...input, random: () => order.shift() ?? second(0) });
    const fast = startSession({ ...input, random: seededRandom(4), precomputed });
    expect(serializeSessionRecord(fast.record)).toEqual(serializeSessionRecord(plain.record));
  });

  test('accepting a handshake, and a later PreKey message of it', async () => {
    const { alice, bob } = aliceAndBob();
    alice.startSession(bob);
    const { bytes } = alice.send(bob, 'hello');
    const preKeys = bob.privatePreKeys(bytes);
    const accelerator = countingAccelerator(seededRandom(9));
    const precomputed = await precomputePreKeyMessage({ ...common(bob, alice), bytes, preKeys }, accelerator);
    expect(accelerator.count).toEqual({ agree: 6, keys: 1, verify: 0 });
    const plain = decryptPreKeyMessage({ ...common(bob, alice), bytes, preKeys, random: seededRandom(9) });
    const fast = decryptPreKeyMessage({ ...common(bob, alice), bytes, preKeys, random: forbidden, precomputed });
    expect(serializeSessionRecord(fast.record)).toEqual(serializeSessionRecord(plain.record));
    bob.record = fast.record;
    const again = { ...common(bob, alice), bytes: alice.send(bob, 'more').bytes, preKeys: {} satisfies PrivatePreKeys };
    expect(await precomputePreKeyMessage(again, unusable)).toBe(Precomputed.none);
  });
});

describe('a wrong precomputed value is never used', () => {
  test('an agreement belongs to its two keys only', async () => {
    const [alice, bob, carol] = [1, 2, 3].map((seed) => generateKeyPair(seededRandom(seed)));
    if (alice === undefined || bob === undefined || carol === undefined) throw new Error('no keys');
    const wrong = await Agreement.compute(alice, carol.publicKey, () => Promise.resolve(new Uint8Array(32).fill(1)));
    if (wrong === null) throw new Error('no agreement');
    expect(agreeOrLookUp(alice, bob.publicKey, [wrong])).toEqual(agree(alice.privateKey, bob.publicKey));
    expect(agreeOrLookUp(carol, alice.publicKey, [wrong])).toEqual(agree(carol.privateKey, alice.publicKey));
    wrong.wipe();
    expect(agreeOrLookUp(alice, carol.publicKey, [wrong])).toEqual(agree(alice.privateKey, carol.publicKey));
  });

  test('what was made for a state that has moved on is left aside', async () => {
    const { alice, bob } = establishedPair();
    const [first, second] = [alice.send(bob, 'one'), alice.send(bob, 'two')];
    const precomputed = await precomputeMessage(
      { record: bob.record, bytes: first.bytes },
      countingAccelerator(seededRandom(9)),
    );
    bob.receive(alice, second);
    const { plaintext } = decryptMessage({
      ...common(bob, alice),
      bytes: first.bytes,
      random: bob.random,
      precomputed,
    });
    expect(plaintext).toEqual(utf8('one'));
  });

  test('a key pair made ahead serves one message only', async () => {
    const { alice, bob } = establishedPair();
    const { bytes } = alice.send(bob, 'turn');
    const precomputed = await precomputeMessage({ record: bob.record, bytes }, countingAccelerator(seededRandom(9)));
    const ratchetKeys = [1, 2].map((seed) => {
      const result = decryptMessage({ ...common(bob, alice), bytes, random: seededRandom(seed), precomputed });
      return result.record.current?.ratchet.sender.ratchetKeyPair.publicKey;
    });
    expect(ratchetKeys[0]).not.toEqual(ratchetKeys[1]);
  });

  test('a verdict is about its key, message and signature only', async () => {
    const { alice, bob } = aliceAndBob();
    const { signedPreKey, identityKey } = bob.bundle();
    const yes = () => Promise.resolve(true);
    const verdict = await SignatureVerdict.with(identityKey, utf8('something else'), signedPreKey.signature, yes);
    const forged = signedPreKey.signature.slice().fill(0, 0, 32);
    expect(verifyOrLookUp(identityKey, signedPreKey.publicKey, forged, [verdict])).toBe(false);
    const bundle = { ...bob.bundle(), signedPreKey: { ...signedPreKey, signature: forged } };
    const precomputed = new Precomputed([], [verdict], []);
    expectCode('bad-signature', () =>
      startSession({ ...common(alice, bob), bundle, now: NOW, random: alice.random, precomputed }),
    );
  });

  test('an accelerator that fails or gives nonsense lengths is done without', async () => {
    const { alice, bob } = establishedPair();
    const { bytes } = alice.send(bob, 'turn');
    const short: Accelerator = { ...unusable, agree: () => Promise.resolve(new Uint8Array(31).fill(1)) };
    for (const accelerator of [unusable, short]) {
      const precomputed = await precomputeMessage({ record: bob.record, bytes }, accelerator);
      expect(precomputed.agreements).toHaveLength(0);
      const { plaintext } = decryptMessage({ ...common(bob, alice), bytes, random: bob.random, precomputed });
      expect(plaintext).toEqual(utf8('turn'));
    }
  });
});

test('WebCrypto, where it has X25519, carries a conversation', async () => {
  const accelerator = await webCryptoAccelerator();
  if (accelerator === null) throw new Error('Node has WebCrypto X25519');
  const { alice, bob } = aliceAndBob();
  const bundle = bob.bundle();
  const start = await precomputeStart({ local: alice.local, bundle }, accelerator);
  ({ record: alice.record } = startSession({
    ...common(alice, bob),
    bundle,
    now: NOW,
    random: alice.random,
    precomputed: start,
  }));
  const first = alice.send(bob, 'hello');
  const preKeys = bob.privatePreKeys(first.bytes);
  const accept = await precomputePreKeyMessage({ ...common(bob, alice), bytes: first.bytes, preKeys }, accelerator);
  const accepted = decryptPreKeyMessage({
    ...common(bob, alice),
    bytes: first.bytes,
    preKeys,
    random: bob.random,
    precomputed: accept,
  });
  expect(accepted.plaintext).toEqual(utf8('hello'));
  bob.record = accepted.record;
  for (let i = 0; i < 4; i++) {
    const [from, to] = i % 2 === 0 ? [bob, alice] : [alice, bob];
    const sent = encrypt({ ...common(from, to), plaintext: utf8(`${i}`), now: NOW, random: from.random });
    from.record = sent.record;
    const { bytes } = sent.message;
    const precomputed = await precomputeMessage({ record: to.record, bytes }, accelerator);
    const received = decryptMessage({ ...common(to, from), bytes, random: to.random, precomputed });
    expect(received.plaintext).toEqual(utf8(`${i}`));
    to.record = received.record;
    precomputed.wipe();
  }
});
