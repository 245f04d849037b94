import { describe, expect, test } from 'vitest';
import {
  createDistributionMessage,
  finishGroupMessage,
  groupDecrypt,
  groupEncrypt,
  groupSignatureOf,
  prepareGroupMessage,
  processDistributionMessage,
  readDistributionMessage,
  readGroupMessage,
} from '../../src/groups/group-cipher.js';
import { groupMessageKeys } from '../../src/groups/group-keys.js';
import { deserializeSenderKeyRecord, serializeSenderKeyRecord } from '../../src/groups/sender-key-codec.js';
import { decodeDistributionMessage } from '../../src/groups/sender-key-message.js';
import { emptySenderKeyRecord, type SenderKeyRecord, stateOf } from '../../src/groups/sender-key-record.js';
import { generateKeyPair, keyPairFromPrivate } from '../../src/keys/curve25519.js';
import { SignatureVerdict } from '../../src/keys/signature-verdict.js';
import { sign } from '../../src/keys/xeddsa.js';
import { messageSeed } from '../../src/ratchet/chain-key.js';
import { hex, text, toHex, utf8 } from '../support/bytes.js';
import { expectCode } from '../support/errors.js';
import { vectors } from '../support/json.js';
import { seededNumbers, seededRandom } from '../support/random.js';

interface Vectors {
  distributionId: string;
  libsignalSender: {
    distributionMessage: string;
    keys: { iteration: number; chainKey: string; messageSeed: string; iv: string; cipherKey: string }[];
    messages: { iteration: number; plaintext: string; bytes: string }[];
    distributionMessageAfterSixMessages: string;
  };
  deterministicSender: {
    chainId: number;
    initialChainKey: string;
    signingPrivate: string;
    distributionMessage: string;
    messages: { plaintext: string; z: string; bytes: string }[];
  };
}

const vector = vectors('gen-groups') as Vectors;
const { distributionId } = vector;

/** A member of a group in a test story, with one record per sender. */
class Member {
  readonly random;
  own: SenderKeyRecord = emptySenderKeyRecord;
  readonly senders = new Map<Member, SenderKeyRecord>();

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  invite(...others: Member[]): void {
    const { record, message } = createDistributionMessage({ record: this.own, distributionId, random: this.random });
    this.own = record;
    for (const other of others) other.accept(this, message);
  }

  accept(sender: Member, message: Uint8Array): void {
    const record = this.senders.get(sender) ?? emptySenderKeyRecord;
    this.senders.set(sender, processDistributionMessage({ record, message }).record);
  }

  say(plaintext: string): Uint8Array {
    const sent = groupEncrypt({ record: this.own, distributionId, plaintext: utf8(plaintext), random: this.random });
    this.own = sent.record;
    return sent.message;
  }

  read(sender: Member, message: Uint8Array): string {
    const { record, plaintext } = groupDecrypt({ record: this.recordOf(sender), message });
    this.senders.set(sender, record);
    return text(plaintext);
  }

  recordOf(sender: Member): SenderKeyRecord {
    return this.senders.get(sender) ?? emptySenderKeyRecord;
  }
}

function group(): { alice: Member; bob: Member; carol: Member } {
  const [alice, bob, carol] = [new Member(1), new Member(2), new Member(3)];
  alice.invite(bob, carol);
  return { alice, bob, carol };
}

describe('vectors', () => {
  test('messages of libsignal decrypt, in any order', () => {
    const { distributionMessage, messages, distributionMessageAfterSixMessages } = vector.libsignalSender;
    for (const order of [messages, [...messages].reverse()]) {
      let { record } = processDistributionMessage({ record: emptySenderKeyRecord, message: hex(distributionMessage) });
      for (const { plaintext, bytes, iteration } of order) {
        expect(readGroupMessage(hex(bytes))).toMatchObject({ distributionId, iteration });
        const result = groupDecrypt({ record, message: hex(bytes) });
        expect(text(result.plaintext)).toBe(plaintext);
        expectCode('duplicate-message', () => groupDecrypt({ record: result.record, message: hex(bytes) }));
        ({ record } = result);
      }
    }
    expect(readDistributionMessage(hex(distributionMessageAfterSixMessages))).toMatchObject({ iteration: 6 });
  });

  test.each(vector.libsignalSender.keys)('keys of iteration $iteration', ({ chainKey, messageSeed: seed, ...keys }) => {
    const derived = messageSeed({ key: hex(chainKey), index: keys.iteration });
    expect(toHex(derived)).toBe(seed);
    const { iv, cipherKey } = groupMessageKeys(derived);
    expect({ iv: toHex(iv), cipherKey: toHex(cipherKey) }).toEqual({ iv: keys.iv, cipherKey: keys.cipherKey });
  });

  test('our messages, byte for byte', () => {
    const { distributionMessage, signingPrivate, messages } = vector.deterministicSender;
    const state = stateOf(decodeDistributionMessage(hex(distributionMessage)));
    const { privateKey, publicKey } = keyPairFromPrivate(hex(signingPrivate));
    expect(state.chain.ratchetKey).toEqual(publicKey);
    let record: SenderKeyRecord = { states: [{ ...state, signing: { privateKey, ed25519: null } }] };
    const random = seededRandom(1);
    expect(toHex(createDistributionMessage({ record, distributionId, random }).message)).toBe(distributionMessage);
    for (const { plaintext, z, bytes } of messages) {
      const sent = groupEncrypt({ record, distributionId, plaintext: utf8(plaintext), random: () => hex(z) });
      expect(toHex(sent.message)).toBe(bytes);
      record = deserializeSenderKeyRecord(serializeSenderKeyRecord(sent.record));
    }
  });
});

describe('a group', () => {
  test('Alice says something once, and Bob and Carol both read it', () => {
    const { alice, bob, carol } = group();
    const message = alice.say('hello all');
    expect([bob.read(alice, message), carol.read(alice, message)]).toEqual(['hello all', 'hello all']);
  });

  test('Dave, who joins late, cannot read what was said before', () => {
    const { alice, bob } = group();
    const before = alice.say('secret plan');
    const dave = new Member(4);
    alice.invite(bob, dave);
    const after = alice.say('welcome');
    expectCode('duplicate-message', () => dave.read(alice, before));
    expect(dave.read(alice, after)).toBe('welcome');
    // Bob got the invitation twice and still reads the message from between.
    expect([bob.read(alice, after), bob.read(alice, before)]).toEqual(['welcome', 'secret plan']);
  });

  test('Carol, who left, cannot read after Alice started a new chain', () => {
    const { alice, bob, carol } = group();
    const late = alice.say('sent before, delivered after');
    alice.own = emptySenderKeyRecord;
    alice.invite(bob);
    const message = alice.say('without Carol');
    expectCode('session-not-found', () => carol.read(alice, message));
    expect([bob.read(alice, message), bob.read(alice, late)]).toEqual([
      'without Carol',
      'sent before, delivered after',
    ]);
  });

  test('whatever arrives, in any order, is read once; a reload in between changes nothing', () => {
    const { alice, bob } = group();
    const chance = seededNumbers(5);
    const wire: [string, Uint8Array][] = Array.from({ length: 120 }, (_, i) => [
      `message ${i}`,
      alice.say(`message ${i}`),
    ]);
    while (wire.length > 0) {
      const [[plaintext, message] = ['', new Uint8Array()]] = wire.splice(Math.floor(chance() * wire.length), 1);
      if (chance() < 0.2) continue;
      expect(bob.read(alice, message)).toBe(plaintext);
      expectCode('duplicate-message', () => bob.read(alice, message));
      const record = deserializeSenderKeyRecord(serializeSenderKeyRecord(bob.recordOf(alice)));
      expect(record).toEqual(bob.recordOf(alice));
      bob.senders.set(alice, record);
    }
  });

  test('Bob cannot speak for Alice, though he knows her chain key', () => {
    const { alice, bob, carol } = group();
    const bobsKey = generateKeyPair(bob.random);
    const [state] = bob.recordOf(alice).states;
    if (state === undefined) throw new Error('no state');
    const posing = { states: [{ ...state, signing: { privateKey: bobsKey.privateKey, ed25519: null } }] };
    const forged = groupEncrypt({ record: posing, distributionId, plaintext: utf8('I quit'), random: bob.random });
    const before = carol.recordOf(alice);
    expectCode('bad-signature', () => carol.read(alice, forged.message));
    expect(carol.recordOf(alice)).toBe(before);
    expect(carol.read(alice, alice.say('I stay'))).toBe('I stay');
  });

  test('five chains of a sender are kept, a sixth pushes the oldest out', () => {
    const { alice, bob } = group();
    const firsts = [alice.say('chain 0')];
    for (let i = 1; i <= 5; i++) {
      alice.own = emptySenderKeyRecord;
      alice.invite(bob);
      firsts.push(alice.say(`chain ${i}`));
    }
    expect(bob.recordOf(alice).states).toHaveLength(5);
    expectCode('session-not-found', () => bob.read(alice, firsts[0] ?? new Uint8Array()));
    for (const [i, message] of firsts.slice(1).entries()) expect(bob.read(alice, message)).toBe(`chain ${i + 1}`);
  });
});

describe('limits', () => {
  test('exactly 25,000 ahead is accepted, one more is refused', () => {
    const { alice, bob } = group();
    let { own } = alice;
    const skip = (to: number): void => {
      const [state] = own.states;
      if (state === undefined) throw new Error('no state');
      let { record } = { record: own };
      while ((record.states[0]?.chain.chainKey.index ?? to) < to) {
        ({ record } = prepareGroupMessage({ record, distributionId, plaintext: new Uint8Array() }));
      }
      own = record;
    };
    skip(25_000);
    alice.own = own;
    const reachable = alice.say('just in reach');
    const tooFar = alice.say('too far');
    expectCode('invalid-message', () => bob.read(alice, tooFar));
    expect(bob.read(alice, reachable)).toBe('just in reach');
    expect(bob.recordOf(alice).states[0]?.chain.skipped).toHaveLength(36 * 2000);
  });
});

describe('prepared signatures', () => {
  test('a message signed in a second step is the same message', () => {
    const { alice, bob } = group();
    const prepared = prepareGroupMessage({ record: alice.own, distributionId, plaintext: utf8('later') });
    const { message } = finishGroupMessage(
      prepared,
      sign(prepared.signing.privateKey, prepared.unsigned, alice.random),
    );
    expect(bob.read(alice, message)).toBe('later');
  });

  test('a verdict counts for its own message only', async () => {
    const { alice, bob } = group();
    const message = alice.say('judged ahead');
    const { publicKey, message: signed, signature } = groupSignatureOf(bob.recordOf(alice), message);
    const refused = await SignatureVerdict.with(publicKey, signed, signature, async () => false);
    expectCode('bad-signature', () => groupDecrypt({ record: bob.recordOf(alice), message, verdicts: [refused] }));
    const altered = message.slice();
    altered[40] = (altered[40] ?? 0) ^ 1;
    const accepted = await SignatureVerdict.with(publicKey, signed, signature, async () => true);
    expectCode('bad-signature', () =>
      groupDecrypt({ record: bob.recordOf(alice), message: altered, verdicts: [accepted] }),
    );
    expect(text(groupDecrypt({ record: bob.recordOf(alice), message, verdicts: [accepted] }).plaintext)).toBe(
      'judged ahead',
    );
  });
});

describe('hostile bytes', () => {
  test('short, old, new and mutilated messages are typed errors', () => {
    const { alice, bob } = group();
    const message = alice.say('x');
    const record = bob.recordOf(alice);
    expectCode('too-short', () => groupDecrypt({ record, message: message.subarray(0, 64) }));
    expectCode('legacy-version', () => groupDecrypt({ record, message: Uint8Array.of(0x23, ...message.subarray(1)) }));
    expectCode('unrecognized-version', () =>
      groupDecrypt({ record, message: Uint8Array.of(0x43, ...message.subarray(1)) }),
    );
    expectCode('invalid-protobuf', () => groupDecrypt({ record, message: new Uint8Array(70).fill(0x33) }));
    expectCode('session-not-found', () => groupDecrypt({ record: emptySenderKeyRecord, message }));
    const { distributionMessage } = vector.libsignalSender;
    expectCode('invalid-protobuf', () => readDistributionMessage(hex(distributionMessage.slice(0, -2))));
  });

  test('damaged records are typed errors', () => {
    const { alice } = group();
    const bytes = serializeSenderKeyRecord(alice.own);
    for (let length = 0; length < bytes.length; length++) {
      expectCode('corrupt-record', () => deserializeSenderKeyRecord(bytes.subarray(0, length)));
    }
    for (const damaged of ['0200', '0106', `${toHex(bytes)}00`]) {
      expectCode('corrupt-record', () => deserializeSenderKeyRecord(hex(damaged)));
    }
  });
});
