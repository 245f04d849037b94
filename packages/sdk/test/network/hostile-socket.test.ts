import { limits, PROTOCOL_VERSION, type Ack, type Hello } from '@sotto/protocol';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { encodeMessagePack } from '../../src/network/message-pack.js';
import type { SocketHandlers } from '../../src/network/relay-port.js';
import { socketIoRelay } from '../../src/network/socket-io-relay.js';
import { RawRelay, type Frame } from '../support/raw-relay.js';

const HELLO: Hello = {
  protocol: PROTOCOL_VERSION,
  token: 'e30.e30.x',
  device: 1 as Hello['device'],
  registration: 1 as Hello['registration'],
  secret: new Uint8Array(32),
  epoch: 1,
  cursor: { seq: 0, id: null },
  sealings: 0,
};
const ACK = { seq: 1, id: new Uint8Array(16) } as Ack;

/** Socket.IO packets: https://github.com/socketio/socket.io-protocol */
const packet = (type: unknown, rest: object = {}): Frame => encodeMessagePack({ type, nsp: '/', ...rest });
const event = (...data: unknown[]): Frame => packet(2, { data });
const HANDSHAKE = '0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}';
const CONNECTED = packet(0, { data: { sid: 'b' } });
const [FIRST, LAST] = [event('drained', { head: 1 }), event('drained', { head: 2 })];

/** Lists within lists. */
const nested = (depth: number): Uint8Array => new Uint8Array(depth).fill(0x91);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const NONSENSE: Record<string, Frame> = {
  'an empty frame': new Uint8Array(),
  'no MessagePack': Uint8Array.of(0xc1),
  'JSON where MessagePack is spoken': text('{"type":2,"nsp":"/","data":["drained",{"head":1}]}'),
  'a packet that is cut off': (CONNECTED as Uint8Array).slice(0, -2),
  'a list of four thousand million items': Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff),
  'bytes of four thousand million': Uint8Array.of(0xc6, 0xff, 0xff, 0xff, 0xff),
  'lists in lists': nested(1_000_000),
  // Room for all of it would be more than a machine has.
  'lists in lists of which each says that it is long': new Uint8Array(1_000).map(
    (_, i) => [0xdd, 1, 0xff, 0xff, 0xff][i % 5] ?? 0,
  ),
  'an event with a hundred thousand words': event(...new Array<null>(100_000).fill(null)),
  'an event with a name and a hundred thousand words': event('drained', ...new Array<null>(100_000).fill(null)),
  'a number': Uint8Array.of(5),
  'nothing at all': encodeMessagePack(null),
  'a packet without a type': encodeMessagePack({ nsp: '/' }),
  'a type that there is not': packet(9),
  'a type in words': packet('EVENT'),
  'a binary event of the other parser': packet(5, {
    attachments: 1e9,
    data: ['welcome', { _placeholder: true, num: 0 }],
  }),
  'an event without data': packet(2),
  'an event that is no list': packet(2, { data: { 0: 'drained' } }),
  'an event without a name': event(),
  'an event with a name that is none': event({ toString: 1, valueOf: 1 }, {}),
  'an event that the library keeps for itself': event('connect_error', null),
  'another such event': event('disconnect', 'io server disconnect'),
  'a welcome that is none': event('welcome', { protocol: 'x' }),
  'a delivery of something else': event('deliver', { first: 1, envelopes: { length: 1e9 }, left: -1 }),
  'a placeholder where bytes should be': event('deliver', {
    first: 1,
    envelopes: [{ seq: 1, id: ACK.id, payload: { _placeholder: true, num: 1e9 } }],
    left: 0,
  }),
  'a refusal without a word': packet(4, { data: null }),
  'a refusal in words only': packet(4, { data: 'no' }),
  'a refusal of another shape': packet(4, { data: { message: 5, data: { code: [] } } }),
  'a farewell': packet(1),
  'an event with a prototype’s name': event('constructor', {}),
  'another with a prototype’s name': event('__proto__', {}),
  'an event that wants an answer': packet(2, { id: 7, data: ['nobody-knows', {}] }),
  'an answer to nothing': packet(3, { id: 4_711, data: [{ ok: true }] }),
  'a second beginning': CONNECTED,
  'another namespace': encodeMessagePack({ type: 2, nsp: '/admin', data: ['nobody-knows', {}] }),
  'a JSON event with attachments that never come': '451-["deliver",{"_placeholder":true,"num":999999999}]',
  'a count of attachments without end': `45${'9'.repeat(1_000)}-["deliver"]`,
  'a text of no kind': 'x',
  'an empty text': '',
  'a handshake that is no JSON': '0{',
  'an upgrade': '5',
  'a close': '1',
  'more than a frame may hold': new Uint8Array(limits.MAX_FRAME_BYTES + 1),
};

/** Numbered as either wire numbers its first request. */
const answer = (data: unknown): Frame[] => [packet(3, { id: 0, data }), packet(3, { id: 1, data })];

const NO_ANSWERS: Record<string, Frame[]> = {
  nothing: answer(null),
  'a word': answer('x'),
  'an empty list': answer([]),
  'a list of nothing': answer([null]),
  'what looks like an answer': answer([{ ok: 'yes' }]),
  'more than an answer': answer([{ ok: true }, 1, 2]),
  'a hundred thousand answers': answer(new Array(100_000).fill({ ok: true })),
  'an answer with a number in words': [
    packet(3, { id: '0', data: [{ ok: true }] }),
    packet(3, { id: '1', data: [{ ok: true }] }),
  ],
  'an answer with a prototype’s name': [packet(3, { id: '__defineSetter__', data: ['connected', 1] })],
};

const NO_HANDSHAKES: Record<string, Frame> = {
  'no JSON': '0{',
  'nothing in JSON': '0null',
  'a list': '0[]',
  'an empty object': '0{}',
  'no upgrades': '0{"sid":"a","pingInterval":25000,"pingTimeout":20000}',
  'upgrades without end': '0{"sid":"a","upgrades":{"length":1e15},"pingInterval":25000,"pingTimeout":20000}',
  'a heartbeat in words': '0{"sid":"a","upgrades":[],"pingInterval":"x","pingTimeout":{}}',
  'no room': `0${'['.repeat(1_000_000)}`,
  'an event before anything else': LAST,
  'no MessagePack': Uint8Array.of(0xc1),
};

let relay: RawRelay | null = null;
const failures: unknown[] = [];
const none = (): void => undefined;
const onFailure = (error: unknown): void => void failures.push(error);

/** Resolves when the socket has been closed, or what stands behind the frames was heard. */
async function meet(turns: readonly (readonly Frame[])[]): Promise<{ heard: (string | null)[]; answer: unknown }> {
  relay = await RawRelay.start(turns);
  const { origin } = relay;
  const heard: (string | null)[] = [];
  let asked: unknown = null;
  await new Promise<void>((resolve) => {
    const handlers: SocketHandlers = {
      onWelcome: none,
      onDeliver: none,
      onPreKeysLow: none,
      onDeviceListChanged: none,
      onTopic: none,
      onDeviceExpiring: none,
      onDrained: ({ head }) => {
        if (head === 1) asked = socket.ack(ACK).catch((error: unknown) => error);
        else heard.push('the rest');
        if (head === 2) resolve();
      },
      onClose: (reason) => {
        heard.push(reason?.code ?? null);
        resolve();
      },
    };
    const socket = socketIoRelay(origin).connect(HELLO, handlers);
  });
  relay.stop();
  return { heard, answer: await asked };
}

const own = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');

describe.each(['the SDK’s own wire', 'Socket.IO’s library'])('over %s', (wire) => {
  beforeEach(() => {
    if (!own) throw new Error('these need Node with --experimental-websocket');
    if (wire !== 'the SDK’s own wire') Reflect.deleteProperty(globalThis, 'WebSocket');
    process.on('uncaughtException', onFailure);
    process.on('unhandledRejection', onFailure);
  });
  afterEach(() => {
    relay?.stop();
    if (own) Object.defineProperty(globalThis, 'WebSocket', own);
    process.off('uncaughtException', onFailure);
    process.off('unhandledRejection', onFailure);
    expect(failures.splice(0)).toEqual([]);
  });

  test.each(Object.entries(NONSENSE))('%s ends the socket, or nothing comes of it', async (_, frame) => {
    const { heard } = await meet([[HANDSHAKE], [CONNECTED, frame, LAST]]);
    expect([[null], ['the rest']]).toContainEqual(heard);
  });

  test.each(Object.entries(NONSENSE))('a request that is answered with %s has an end', async (_, frame) => {
    const { answer } = await meet([[HANDSHAKE], [CONNECTED, FIRST], [frame]]);
    expect(answer).toMatchObject({ name: 'RelayError', code: 'network' });
  });

  test.each(Object.entries(NO_ANSWERS))('a request that is answered with %s has an end as well', async (_, frames) => {
    const { answer } = await meet([[HANDSHAKE], [CONNECTED, FIRST], frames]);
    expect(answer).toMatchObject({ name: 'RelayError', code: 'network' });
  });

  test.each(Object.entries(NO_HANDSHAKES))('a beginning with %s is no beginning', async (_, frame) => {
    const { heard } = await meet([[frame]]);
    expect(heard).toEqual([null]);
  });

  test('whatever comes: it ends the socket, or what stands behind it is heard', async () => {
    const anything = fc.anything({ maxDepth: 2 }).filter(isWritable);
    const frames = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 60 }),
      anything.map(encodeMessagePack),
      fc
        .record({ type: fc.integer({ min: 0, max: 6 }), nsp: fc.constant('/'), id: anything, data: anything })
        .map(encodeMessagePack),
    );
    await fc.assert(
      fc.asyncProperty(frames, async (frame) => {
        const { heard } = await meet([[HANDSHAKE], [CONNECTED, frame, LAST]]);
        expect([[null], ['the rest'], ['the rest', null]]).toContainEqual(heard);
      }),
      { numRuns: 60 },
    );
  });
});

function isWritable(value: unknown): boolean {
  try {
    encodeMessagePack(value);
    return true;
  } catch {
    return false;
  }
}
