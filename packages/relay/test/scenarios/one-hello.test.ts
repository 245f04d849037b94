import { once } from 'node:events';

import { SOCKET_PATH } from '@sotto/protocol';
import parser from 'socket.io-msgpack-parser';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';

import type { Relay } from '../../src/index.js';
import { helloOf, newUser, type TestDevice } from '../support/device.js';
import { testRelay } from '../support/relay.js';
import { eventually } from '../support/servers.js';

/** Socket.IO packet types. */
const CONNECT = 0;
const DISCONNECT = 1;
const CONNECT_ERROR = 4;

interface Packet {
  type: number;
  nsp: string;
  data?: unknown;
  id?: number;
}

let relay: Relay;
let bob: TestDevice;
const raised: unknown[] = [];
const onException = (error: unknown) => raised.push(error);

beforeAll(async () => {
  process.on('uncaughtException', onException);
  relay = await testRelay();
  bob = await newUser(relay.url, 'bob');
});
afterAll(async () => {
  process.off('uncaughtException', onException);
  await relay.close();
});
afterEach(() => {
  expect(raised).toEqual([]);
});

/** A WebSocket that speaks Engine.IO and Socket.IO by hand. */
async function openWire() {
  const socket = new WebSocket(`${relay.url.replace('http', 'ws')}${SOCKET_PATH}/?EIO=4&transport=websocket`);
  const packets: Packet[] = [];
  const decoder = new parser.Decoder();
  decoder.on('decoded', (packet: Packet) => packets.push(packet));
  socket.on('message', (bytes: Buffer, isBinary) => {
    if (isBinary) decoder.add(bytes);
  });
  await once(socket, 'open');
  const send = (packet: Omit<Packet, 'nsp'>) => {
    const [bytes] = new parser.Encoder().encode({ nsp: '/', ...packet }) as unknown as [Buffer];
    socket.send(bytes);
  };
  const until = (type: number) =>
    eventually(`a packet of type ${type}`, () => {
      const found = packets.filter((packet) => packet.type === type);
      return found.length > 0 ? Promise.resolve(found) : Promise.reject(new Error('not yet'));
    });
  return { socket, send, until, packets };
}

const hello = (epoch: number) => ({ type: CONNECT, data: helloOf(bob, { epoch }) });
const nobodyIsLeft = () =>
  eventually('no session', () =>
    relay.core.connections === 0 ? Promise.resolve() : Promise.reject(new Error('a session is left')),
  );

test('two hellos at once on one connection are one session, and none when it is gone', async () => {
  const { socket, send, until } = await openWire();
  send(hello(1));
  send(hello(2));
  expect(await until(CONNECT_ERROR)).toMatchObject([{ data: { data: { code: 'bad-request' } } }]);
  await until(CONNECT);
  expect(relay.core.connections).toBe(1);
  socket.terminate();
  await nobodyIsLeft();
});

test('a second hello on a connection that has a session ends both', async () => {
  const { socket, send, until } = await openWire();
  send(hello(1));
  await until(CONNECT);
  const closed = once(socket, 'close');
  send(hello(2));
  await closed;
  await nobodyIsLeft();
});

test('a hello that was refused may be said again', async () => {
  const { socket, send, until } = await openWire();
  send({ type: CONNECT, data: { ...helloOf(bob), token: '' } });
  expect(await until(CONNECT_ERROR)).toMatchObject([{ data: { data: { code: 'token-missing' } } }]);
  send(hello(1));
  await until(CONNECT);
  expect(relay.core.connections).toBe(1);
  socket.terminate();
  await nobodyIsLeft();
});

test('whoever leaves while it is admitted leaves no session', async () => {
  const { socket, send } = await openWire();
  send(hello(1));
  socket.close();
  await once(socket, 'close');
  // The next one is admitted after it.
  const next = await openWire();
  next.send(hello(2));
  await next.until(CONNECT);
  expect(relay.core.connections).toBe(1);
  next.socket.terminate();
  await nobodyIsLeft();
});

test('whoever leaves with a packet loses the connection with it', async () => {
  const { socket, send, until } = await openWire();
  send(hello(1));
  await until(CONNECT);
  const closed = once(socket, 'close');
  send({ type: DISCONNECT });
  await closed;
  await nobodyIsLeft();
});
