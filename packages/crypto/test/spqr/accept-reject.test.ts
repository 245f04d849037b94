import { expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from '../../src/spqr/message.js';
import { spqrReceive } from '../../src/spqr/spqr.js';
import { concat } from '../../src/primitives/bytes.js';
import { toHex } from '../support/bytes.js';
import { vectors } from '../support/json.js';
import { seededNumbers } from '../support/random.js';
import { aliceAndBob, type InFlight, type SpqrParty } from './spqr-party.js';

/** Verdicts of libsignal 0.103.0 on altered payloads, by "<situation of the receiver> <alteration>". */
const { probes } = vectors('gen-spqr-accept-reject') as { probes: Record<string, Record<string, string>> };

/** The moment at which a situation is probed: the receiver, and a message that it has not received yet. */
interface Moment {
  readonly receiver: SpqrParty;
  readonly inFlight: InFlight;
}

/** How a probe alters the payload, and the key that the sender then used. */
type Alteration = (inFlight: InFlight) => { message: Uint8Array; key: Uint8Array | null };

function edit(
  change: (message: ReturnType<typeof decodeMessage>) => Partial<ReturnType<typeof decodeMessage>>,
): Alteration {
  return ({ message, key }) => {
    const decoded = decodeMessage(message);
    return { message: encodeMessage({ ...decoded, ...change(decoded) }), key };
  };
}

function moveChunk(index: number): Alteration {
  return edit(({ payload }) => {
    if (!('chunk' in payload)) throw new Error('this probe needs a chunk');
    return { payload: { ...payload, chunk: { ...payload.chunk, index } } };
  });
}

const ALTERATIONS: Record<string, Alteration> = {
  baseline: (inFlight) => inFlight,
  empty: () => ({ message: new Uint8Array(), key: null }),
  '[2]': () => ({ message: Uint8Array.of(2), key: null }),
  '[0]': () => ({ message: Uint8Array.of(0), key: null }),
  '[0]+key': ({ key }) => ({ message: Uint8Array.of(0), key }),
  '[255..]': ({ message }) => ({ message: concat(Uint8Array.of(255), message.subarray(1)), key: null }),
  'trailing bytes': ({ message, key }) => ({ message: concat(message, Uint8Array.of(1, 2, 3)), key }),
  truncated: ({ message, key }) => ({ message: message.subarray(0, -1), key }),
  type7: ({ message, key }) => {
    const { epoch, index } = decodeMessage(message);
    const bytes = encodeMessage({ epoch, index, payload: { type: 'none' } });
    bytes[bytes.length - 1] = 7;
    return { message: bytes, key };
  },
  'type none': edit(() => ({ payload: { type: 'none' } })),
  'epoch+1': edit(({ epoch }) => ({ epoch: epoch + 1 })),
  'epoch+2': edit(({ epoch }) => ({ epoch: epoch + 2 })),
  epoch0: edit(() => ({ epoch: 0 })),
  'epoch-1 (bad key)': edit(({ epoch }) => ({ epoch: epoch - 1 })),
  index0: (inFlight) => ({ ...edit(() => ({ index: 0 }))(inFlight), key: null }),
  'index0 with key': edit(() => ({ index: 0 })),
  'index far': edit(({ index }) => ({ index: index + 25_001 })),
  'key none': ({ message }) => ({ message, key: null }),
  'chunk idx 65535': moveChunk(65535),
  'chunk idx 70000': moveChunk(70000),
  'overlong epoch varint': ({ message, key }) => {
    const epoch = message[1] ?? 0;
    return { message: concat(Uint8Array.of(1, epoch | 0x80, 0), message.subarray(2)), key };
  },
};

/** Whether the message would decrypt: SPQR accepts it, and yields the sender's key. */
function decrypts({ receiver, inFlight }: Moment, alteration: Alteration): boolean {
  const { message, key } = alteration(inFlight);
  try {
    const received = spqrReceive(receiver.state, message).key;
    return received === null || key === null ? received === key : toHex(received) === toHex(key);
  } catch (error) {
    expect(error).toMatchObject({ name: 'CryptoError', code: 'invalid-message' });
    return false;
  }
}

function snakeCase(kind: string): string {
  return kind.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The probes were made in epoch 1 where that shows the encapsulating states, and later for the others. */
function wantedEpoch(kind: string): number {
  if (kind === 'headerReceived') return 3;
  return ['noHeaderReceived', 'ct1Sampled', 'ekReceivedCt1Sampled', 'ct1Acknowledged', 'ct2Sampled'].includes(kind)
    ? 1
    : 2;
}

/** Bob in every Braid state, found by talking over bad lines; the messages are ones that the state takes chunks from. */
function findMoments(): Map<string, Moment> {
  const moments = new Map<string, Moment>();
  for (let seed = 1; seed <= 12; seed++) {
    const { alice, bob } = aliceAndBob({}, seed);
    const chance = seededNumbers(seed);
    for (let step = 0; step < 600; step++) {
      const inFlight = alice.send();
      remember(moments, bob, inFlight);
      if (chance() < 0.8) bob.receive(inFlight.message);
      if (chance() < 0.7) {
        const answer = bob.send();
        if (chance() < 0.8) alice.receive(answer.message);
      }
    }
  }
  return moments;
}

function remember(moments: Map<string, Moment>, bob: SpqrParty, inFlight: InFlight): void {
  const { braid } = bob.active;
  const { epoch, payload } = decodeMessage(inFlight.message);
  const name = `S:${snakeCase(braid.kind)}`;
  if (moments.has(name) || braid.epoch !== wantedEpoch(braid.kind) || epoch !== braid.epoch) return;
  const probesChunk = `${name} chunk idx 65535` in probes;
  if (probesChunk !== 'chunk' in payload) return;
  // The probe was the chunk that completes the header: moved to another place, the header's MAC is wrong.
  if (braid.kind === 'noHeaderReceived' && braid.headerDecoder.chunks.length < 2) return;
  const receiver = aliceAndBob().bob;
  receiver.state = bob.state;
  moments.set(name, { receiver, inFlight });
}

function startOfSession(): Map<string, Moment> {
  const { alice, bob } = aliceAndBob();
  const snapshot = (): SpqrParty => {
    const copy = aliceAndBob().bob;
    copy.state = bob.state;
    return copy;
  };
  const first = { receiver: snapshot(), inFlight: alice.send() };
  bob.receive(first.inFlight.message);
  const second = { receiver: snapshot(), inFlight: alice.send() };
  alice.receive(bob.send().message);
  const third = { receiver: snapshot(), inFlight: alice.send() };
  return new Map([
    ['first(prekey)', first],
    ['unacked#2', second],
    ['acked', third],
  ]);
}

const moments = new Map([...startOfSession(), ...findMoments()]);
const cases = Object.entries(probes).map(([name, verdicts]) => {
  const situation = [...moments.keys()].find((key) => name.startsWith(`${key} `)) ?? '';
  return { name, situation, alteration: name.slice(situation.length + 1), verdict: verdicts['0.103.0'] ?? '' };
});

test('every probed situation was reached', () => {
  expect(cases.filter(({ situation }) => situation === '').map(({ name }) => name)).toEqual([]);
  expect(moments.size).toBe(14);
});

test.each(cases)('$name: $verdict', ({ situation, alteration, verdict }) => {
  const moment = moments.get(situation);
  const alter = ALTERATIONS[alteration];
  if (moment === undefined || alter === undefined) throw new Error(`unknown probe ${situation} ${alteration}`);
  const before = toHex(Uint8Array.from(moment.inFlight.message));
  expect(decrypts(moment, alter)).toBe(verdict.startsWith('ok'));
  expect(toHex(moment.inFlight.message)).toBe(before);
});
