import { once } from 'node:events';
import { connect as connectTcp, type Socket as TcpSocket } from 'node:net';

import { SOCKET_PATH } from '@sotto/protocol';
import parser from 'socket.io-msgpack-parser';
import { afterEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';

import type { Relay, RelayConfigInput } from '../../src/index.js';
import { connect, newUser } from '../support/device.js';
import { testRelay } from '../support/relay.js';
import { eventually } from '../support/servers.js';

const opened: (() => void)[] = [];
let relay: Relay | null = null;

afterEach(async () => {
  for (const close of opened.splice(0)) close();
  await relay?.close();
});

async function start(config: RelayConfigInput): Promise<Relay> {
  relay = await testRelay(config);
  return relay;
}

const pathOf = (transport: string) => `${SOCKET_PATH}/?EIO=4&transport=${transport}`;

/** A WebSocket that says nothing. @returns it, or the status that it was refused with */
function knock({ url }: Relay, headers: Record<string, string> = {}): Promise<WebSocket | number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}${pathOf('websocket')}`, { headers });
    opened.push(() => socket.terminate());
    socket.once('open', () => resolve(socket));
    socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    socket.once('error', reject);
  });
}

const poll = ({ url }: Relay, headers: Record<string, string> = {}) =>
  fetch(`${url}${pathOf('polling')}`, { headers }).then(({ status }) => status);

async function metric({ url }: Relay, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')
      .at(-1),
  );
}

const until = (what: string, isSo: () => boolean | Promise<boolean>) =>
  eventually(what, async () => {
    if (!(await isSo())) throw new Error('not yet');
  });

async function dial(node: Relay): Promise<TcpSocket> {
  const socket = connectTcp(node.port, '127.0.0.1');
  opened.push(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** What comes back until the connection is closed from the other side. */
async function said(socket: TcpSocket, request: string[]): Promise<string> {
  let text = '';
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
  const closed = once(socket, 'close');
  socket.write([...request, '', ''].join('\r\n'));
  await closed;
  return text;
}

describe('an upgrade', () => {
  const asking = ['host: here', 'connection: upgrade', 'upgrade: websocket', 'sec-websocket-version: 13'];
  const key = 'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==';

  test('with another method is refused, and harms nobody', async () => {
    const node = await start({});
    const answer = await said(await dial(node), [`PUT ${pathOf('websocket')} HTTP/1.1`, ...asking, key]);
    expect(answer).toContain('HTTP/1.1 405 Method Not Allowed');
    expect(answer).toContain('allow: GET, POST');
    expect(await poll(node)).toBe(200);
  });

  test('of another path is not left waiting', async () => {
    const node = await start({});
    expect(await said(await dial(node), ['GET /elsewhere HTTP/1.1', ...asking, key])).toBe('');
  });
});

describe('connections that say nothing', () => {
  test('of one address are turned away when too many wait, by WebSocket and by polling; others are not', async () => {
    const node = await start({ waitingPerAddress: 3, trustedProxies: 1 });
    const from = (address: string) => ({ 'x-forwarded-for': address });
    const [one, two, three] = [
      await knock(node, from('10.0.0.1')),
      await knock(node, from('10.0.0.1')),
      await poll(node, from('10.0.0.1')),
    ];
    expect([one, two, three]).toEqual([expect.any(WebSocket), expect.any(WebSocket), 200]);
    expect([await knock(node, from('10.0.0.1')), await poll(node, from('10.0.0.1'))]).toEqual([429, 429]);
    expect(await poll(node, from('10.0.0.2'))).toBe(200);
    expect(await metric(node, 'sotto_turned_away_total{by="address"}')).toBe(2);
    if (one instanceof WebSocket) one.terminate();
    await until('room', async () => (await poll(node, from('10.0.0.1'))) === 200);
  });

  test('of all addresses are turned away when too many wait on the node', async () => {
    const node = await start({ waitingPerNode: 3, trustedProxies: 1 });
    for (let host = 1; host <= 3; host++) expect(await poll(node, { 'x-forwarded-for': `10.0.0.${host}` })).toBe(200);
    expect(await poll(node, { 'x-forwarded-for': '10.0.0.4' })).toBe(429);
    expect(await metric(node, 'sotto_turned_away_total{by="node"}')).toBe(1);
  });

  test('are ended when their time is over; who was admitted stays, and takes no room', async () => {
    const node = await start({ helloMs: 300, waitingPerAddress: 3 });
    const alice = await newUser(node.url, 'alice');
    const socket = await connect(alice);
    for (let count = 0; count < 3; count++) {
      const silent = await knock(node);
      if (!(silent instanceof WebSocket)) throw new Error('It was turned away.');
      await once(silent, 'close');
    }
    await until('an empty room', async () => (await metric(node, 'sotto_waiting_connections')) === 0);
    expect(await socket.submit({ id: Buffer.alloc(16), sealing: 0, payloads: [], recipients: [] })).toBeDefined();
    expect(node.core.connections).toBe(1);
  });

  test('of an address that is denied hear why, and have to go; few of them may wait', async () => {
    const node = await start({ denyAddresses: ['127.0.0.1'], helloMs: 10_000 });
    const socket = await knock(node);
    if (!(socket instanceof WebSocket)) throw new Error('It was turned away.');
    const heard: unknown[] = [];
    const decoder = new parser.Decoder();
    decoder.on('decoded', (packet: unknown) => heard.push(packet));
    socket.on('message', (bytes: Buffer, isBinary) => {
      if (isBinary) decoder.add(bytes);
    });
    const [hello] = new parser.Encoder().encode({ nsp: '/', type: 0, data: {} }) as unknown as [Buffer];
    socket.send(hello);
    await once(socket, 'close');
    expect(heard).toMatchObject([{ data: { data: { code: 'address-refused' } } }]);
    const knocks = [];
    for (let count = 0; count < 25; count++) knocks.push(await poll(node));
    expect(knocks.filter((status) => status === 200)).toHaveLength(20);
  });

  test('may not be many that have not even asked for anything', async () => {
    const node = await start({ waitingPerAddress: 2 });
    const isOpen = async (socket: TcpSocket) => {
      socket.write('GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n');
      const [answer] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as unknown[];
      return String(answer).includes('200 OK');
    };
    const [first] = [await dial(node), await dial(node)];
    const third = await dial(node);
    expect(await isOpen(third)).toBe(false);
    expect(await isOpen(first)).toBe(true);
    expect(await isOpen(await dial(node))).toBe(true);
  });
});
