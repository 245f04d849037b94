import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, expect, test } from 'vitest';

import { socketIoRelay } from '../../src/network/socket-io-relay.js';

let server: Server | null = null;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function relayThat(answers: (response: ServerResponse) => void): Promise<string> {
  server = createServer((_, response) => answers(response));
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ask = (origin: string, timeoutMs?: number): Promise<unknown> =>
  socketIoRelay(origin, timeoutMs).request({ method: 'GET', path: '/v1/devices', token: 'e30.e30.x' });

/** Writes as fast as the other side reads, until that has had enough. @returns how much it was, in bytes */
function flood(response: ServerResponse): Promise<number> {
  const part = Buffer.alloc(64 * 1024, '[');
  let written = 0;
  return new Promise((resolve) => {
    response.on('close', () => resolve(written));
    const write = (): void => {
      while (!response.destroyed && response.write(part)) written += part.length;
      response.once('drain', write);
    };
    write();
  });
}

test('an endless answer is cut off, and counts as none', async () => {
  let sent: Promise<number> = Promise.resolve(0);
  const origin = await relayThat((response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    sent = flood(response);
  });
  await expect(ask(origin)).rejects.toMatchObject({ name: 'RelayError', code: 'network' });
  // What it took, and what the two ends' buffers hold.
  expect(await sent).toBeLessThan(32 * 1024 * 1024);
});

test('an answer that never comes, or never ends, counts as none', async () => {
  const silent = await relayThat(() => undefined);
  await expect(ask(silent, 50)).rejects.toMatchObject({ name: 'RelayError', code: 'network' });
  server?.closeAllConnections();
  server?.close();
  const halting = await relayThat((response) => response.writeHead(200).write('{'));
  await expect(ask(halting, 50)).rejects.toMatchObject({ name: 'RelayError', code: 'network' });
});

test.each<[string, number, string]>([
  ['no JSON', 200, '<html>'],
  ['half of JSON', 200, '{"ok":'],
  ['nothing', 200, ''],
  ['an error that is none of the protocol', 500, '{"code":"made-up","message":1}'],
  ['an error without a body', 403, ''],
  ['deep nesting', 200, '['.repeat(500_000)],
])('%s counts as no answer', async (_, status, body) => {
  const origin = await relayThat((response) => response.writeHead(status).end(body));
  await expect(ask(origin)).rejects.toMatchObject({ name: 'RelayError', code: 'network' });
});

test('a redirect is not followed: it would take the token elsewhere', async () => {
  let asked = 0;
  const origin = await relayThat((response) => {
    asked++;
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  await expect(ask(origin)).rejects.toMatchObject({ name: 'RelayError', code: 'network' });
  expect(asked).toBe(1);
});
