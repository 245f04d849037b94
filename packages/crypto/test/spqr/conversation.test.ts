import { describe, expect, test } from 'vitest';
import type { BraidKind } from '../../src/spqr/braid-state.js';
import { deserializeSpqr, serializeSpqr } from '../../src/spqr/codec.js';
import { CT1_BYTES, VECTOR_BYTES } from '../../src/spqr/incremental-ml-kem.js';
import { decodeMessage, encodeMessage } from '../../src/spqr/message.js';
import { DISABLED_SPQR, spqrReceive, spqrSend } from '../../src/spqr/spqr.js';
import { hex, toHex } from '../support/bytes.js';
import { expectCode } from '../support/errors.js';
import { seededNumbers, seededRandom } from '../support/random.js';
import { aliceAndBob, type InFlight, type SpqrParty } from './spqr-party.js';

function expectSameKey(receiver: SpqrParty, { message, key }: InFlight): void {
  expect(toHex(receiver.receive(message) ?? new Uint8Array())).toBe(toHex(key ?? new Uint8Array()));
}

describe('a conversation', () => {
  test('in lock-step, an epoch takes 86 to 88 messages, and every message has a key', () => {
    const { alice, bob } = aliceAndBob();
    const epochStarts: number[] = [];
    for (let messages = 0; epochStarts.length < 5; messages += 2) {
      const toBob = alice.send();
      expect(toBob.key).toHaveLength(32);
      expectSameKey(bob, toBob);
      const toAlice = bob.send();
      expectSameKey(alice, toAlice);
      if (alice.epoch === epochStarts.length + 2) epochStarts.push(messages + 2);
    }
    for (const [i, start] of epochStarts.entries()) {
      const length = start - (epochStarts[i - 1] ?? 0);
      expect(length).toBeGreaterThanOrEqual(84);
      expect(length).toBeLessThanOrEqual(90);
    }
  });

  test.each([
    { loss: 0.1, seed: 1 },
    { loss: 0.4, seed: 2 },
    { loss: 0.4, seed: 3 },
  ])('with $loss of the messages lost and the rest reordered, repeated and reloaded, seed $seed', ({ loss, seed }) => {
    const { alice, bob } = aliceAndBob({}, seed);
    const chance = seededNumbers(seed);
    const visited = new Set<BraidKind>();
    const wires: Record<'toAlice' | 'toBob', InFlight[]> = { toAlice: [], toBob: [] };
    for (let step = 0; step < 1500; step++) {
      const [sender, receiver, wire] = chance() < 0.5 ? [alice, bob, wires.toBob] : [bob, alice, wires.toAlice];
      visited.add(sender.kind);
      const sent = sender.send();
      if (chance() >= loss) wire.push(sent);
      while (wire.length > 0 && chance() < 0.7) {
        const [inFlight] = wire.splice(Math.floor(chance() * wire.length), 1);
        if (inFlight === undefined) break;
        expectSameKey(receiver, inFlight);
        const before = receiver.state;
        expectCode('invalid-message', () => receiver.receive(inFlight.message));
        expect(receiver.state).toBe(before);
      }
      if (chance() < 0.2) sender.reload();
      visited.add(sender.kind);
    }
    expect(Math.min(alice.epoch, bob.epoch)).toBeGreaterThanOrEqual(5);
    expect(visited.size).toBe(11);
  });

  test('state in, new state out: nothing that was handed in changes', () => {
    const { alice, bob } = aliceAndBob();
    const random = seededRandom(9);
    for (let i = 0; i < 200; i++) {
      const snapshot = toHex(serializeSpqr(alice.state));
      const sent = spqrSend(alice.state, random);
      expect(toHex(serializeSpqr(alice.state))).toBe(snapshot);
      alice.state = sent.state;
      const bobSnapshot = toHex(serializeSpqr(bob.state));
      const received = spqrReceive(bob.state, sent.message);
      expect(toHex(serializeSpqr(bob.state))).toBe(bobSnapshot);
      bob.state = received.state;
      expectSameKey(alice, bob.send());
    }
  });

  test('a stranger cannot slip in a header: its MAC hangs on the handshake', () => {
    const { bob } = aliceAndBob();
    const { alice: mallory } = aliceAndBob({ authKey: new Uint8Array(32).fill(8) });
    bob.receive(mallory.send().message);
    bob.receive(mallory.send().message);
    const before = bob.state;
    expectCode('invalid-message', () => bob.receive(mallory.send().message));
    expect(bob.state).toBe(before);
  });
});

describe('limits', () => {
  test('counter 2002 may still fetch index 2, counter 2003 may not', () => {
    const { alice, bob } = aliceAndBob();
    const sent = Array.from({ length: 2003 }, () => alice.send());
    const at = (index: number): InFlight => {
      const inFlight = sent[index - 1];
      if (inFlight === undefined) throw new Error('not sent');
      return inFlight;
    };
    expectSameKey(bob, at(2002));
    const reached2002 = bob.state;
    expectCode('invalid-message', () => bob.receive(at(1).message));
    expectSameKey(bob, at(2));
    bob.state = reached2002;
    expectSameKey(bob, at(2003));
    expectCode('invalid-message', () => bob.receive(at(2).message));
    expectSameKey(bob, at(3));
  });

  test('a jump of exactly 25,000 is accepted, one more is refused', () => {
    const { alice, bob } = aliceAndBob();
    const { payload } = decodeMessage(alice.send().message);
    const jump = (index: number): Uint8Array => encodeMessage({ epoch: 1, index, payload });
    expectCode('invalid-message', () => bob.receive(jump(25_001)));
    expect(bob.receive(jump(25_000))).toHaveLength(32);
  });

  test('after a jump over more than 2,000 keys only the last 2,000 are kept', () => {
    const { alice, bob } = aliceAndBob();
    const { payload } = decodeMessage(alice.send().message);
    const at = (index: number): Uint8Array => encodeMessage({ epoch: 1, index, payload });
    bob.receive(at(10));
    bob.receive(at(5000));
    for (const gone of [1, 9, 10, 2999]) expectCode('invalid-message', () => bob.receive(at(gone)));
    for (const kept of [3000, 4999]) expect(bob.receive(at(kept))).toHaveLength(32);
    expectCode('invalid-message', () => bob.receive(at(3000)));
  });
});

describe('negotiation', () => {
  test('with minimum version 0 there is no key before the first answer, and all have one after it', () => {
    const { alice, bob } = aliceAndBob({ minVersion: 0 });
    const first = alice.send();
    expect(decodeMessage(first.message).index).toBe(0);
    expect(first.key).toBeNull();
    expect(bob.receive(first.message)).toBeNull();
    const answer = bob.send();
    expect(answer.key).toHaveLength(32);
    expectSameKey(alice, answer);
    expectSameKey(bob, alice.send());
  });

  test('a peer without it is accepted with minimum version 0 only, and only as the first thing it says', () => {
    const optional = aliceAndBob({ minVersion: 0 });
    const { alice, bob } = aliceAndBob({ minVersion: 0 });
    bob.receive(alice.send().message);
    expectCode('invalid-message', () => bob.receive(new Uint8Array()));
    expect(optional.bob.receive(new Uint8Array())).toBeNull();
    expect(optional.bob.state).toBe(DISABLED_SPQR);
    expect(optional.bob.send()).toEqual({ message: new Uint8Array(), key: null });
    expect(optional.bob.receive(alice.send().message)).toBeNull();
    expectCode('invalid-message', () => aliceAndBob().bob.receive(new Uint8Array()));
  });
});

describe('stored states', () => {
  test('are compact: never above 4 KB without skipped keys, in any state of the Braid', () => {
    const { alice, bob } = aliceAndBob();
    let largest = 0;
    for (let i = 0; i < 200; i++) {
      expectSameKey(bob, alice.send());
      expectSameKey(alice, bob.send());
      for (const { state } of [alice, bob]) largest = Math.max(largest, serializeSpqr(state).length);
    }
    expect(largest).toBeLessThan(CT1_BYTES + VECTOR_BYTES + 1024);
  });

  test('come back as they were', () => {
    const { alice, bob } = aliceAndBob();
    for (let i = 0; i < 100; i++) {
      bob.receive(alice.send().message);
      bob.send();
      alice.receive(bob.send().message);
      for (const { state } of [alice, bob]) expect(deserializeSpqr(serializeSpqr(state))).toEqual(state);
    }
    expect(deserializeSpqr(serializeSpqr(DISABLED_SPQR))).toEqual(DISABLED_SPQR);
  });

  test('that are damaged are refused with a typed error', () => {
    const { alice } = aliceAndBob();
    alice.send();
    const bytes = serializeSpqr(alice.state);
    for (let length = 0; length < bytes.length; length++) {
      expectCode('corrupt-record', () => deserializeSpqr(bytes.subarray(0, length)));
    }
    for (const damaged of ['', '00', '0200', '0102', '010110', `${toHex(bytes)}00`]) {
      expectCode('corrupt-record', () => deserializeSpqr(hex(damaged)));
    }
  });
});
