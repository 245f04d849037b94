import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

import { SOCKET_PATH } from '@sotto/protocol';
import fc from 'fast-check';

import { PATIENCE_MS } from './attacker.js';
import { stream } from './inputs.js';
import type { Door } from './doors.js';

const asBytes = (text: string) => Buffer.from(text);
const junk = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
const line = fc.string({ unit: 'grapheme-ascii', maxLength: 60 });

interface RawHttp {
  name: string;
  /** A path that takes a body, and a token to send along. */
  post: string;
  token: string;
}

/** Bytes on a port of the relay that are almost HTTP, or nothing like it. */
export function rawHttpDoor(url: string, seed: number, { name: door, post, token }: RawHttp): Door {
  const target = fc.constantFrom(post, '/healthz', '/v1/socket/', '*', '//', '/%00', '/v1/users/%/bundles', 'x');
  const request = fc
    .tuple(fc.constantFrom('GET', 'POST', 'PUT', 'G\0T', 'TRACE', 'CONNECT'), target, line, line)
    .map(
      ([method, path, name, value]) =>
        `${method} ${path} HTTP/1.1\r\nHost: x\r\n${name}: ${value}\r\nConnection: close\r\n\r\n`,
    );
  const bodied = fc
    .constantFrom(
      'Transfer-Encoding: chunked\r\n\r\nZZ\r\n',
      'Transfer-Encoding: chunked\r\n\r\nffffffffff\r\nx',
      'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n',
      'Content-Length: -1\r\n\r\n',
      'Content-Length: 99999999999\r\n\r\n{}',
      'Content-Length: 3\r\nContent-Length: 4\r\n\r\n{}',
      'Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd',
      'Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}',
      `X: ${'y'.repeat(70_000)}\r\n\r\n`,
    )
    .map(
      (rest) => `POST ${post} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n${rest}`,
    );
  const supply = stream(fc.oneof(junk, request.map(asBytes), bodied.map(asBytes)), seed);
  return {
    name: door,
    weight: 4,
    attack: () => throwBytes(url, [supply.next().value as Buffer], (answer) => /^HTTP\/1\.1 5/.test(answer)),
  };
}

/** A WebSocket opened by hand, and then frames that no library would send: wrong opcodes, lengths, masks, packets. */
export function rawSocketDoor(url: string, seed: number): Door {
  const payload = fc.oneof(
    junk,
    fc.string().map((text) => Buffer.from(text)),
    fc
      .constantFrom('40', '2', '3', '4', '41', '6', '42["submit"]', '5', '0{"sid":"x"}', '1')
      .map((text) => Buffer.from(text)),
    // MessagePack that lies about its sizes, or nests.
    fc
      .constantFrom('dfffffffff', 'ddffffffff', 'c6ffffffff01', 'c1', `${'91'.repeat(500)}c0`, '82a474797065')
      .map((text) => Buffer.from(text, 'hex')),
  );
  const frame = fc.tuple(
    payload,
    fc.nat(255),
    fc.constantFrom('right', 'right', 'right', 'unmasked', 'too long', 'huge'),
  );
  const supply = stream(fc.array(frame, { minLength: 1, maxLength: 4 }), seed);
  return {
    name: 'raw WebSocket',
    weight: 4,
    attack() {
      const frames = supply.next().value as [Buffer, number, string][];
      return throwBytes(
        url,
        [upgradeRequest(), ...frames.map(([bytes, first, length]) => frameOf(bytes, first, length))],
        (answer) => /^HTTP\/1\.1 5/.test(answer),
      );
    },
  };
}

function upgradeRequest(): Buffer {
  const key = randomBytes(16).toString('base64');
  return Buffer.from(
    `GET ${SOCKET_PATH}/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
}

/** RFC 6455 section 5.2. Half of the frames are well-formed text or binary. */
function frameOf(payload: Buffer, first: number, length: string): Buffer {
  const head = first % 2 === 0 ? first : 0x80 | ((first >> 1) % 2) | (((first >> 1) % 2) ^ 1 ? 2 : 1);
  const isMasked = length === 'unmasked' ? 0 : 0x80;
  if (length === 'huge') return Buffer.concat([Buffer.of(head, isMasked | 127), Buffer.alloc(8, 0x7f), payload]);
  const claimed = length === 'too long' ? payload.length + 1_000 : payload.length;
  const mask = isMasked ? Buffer.alloc(4) : Buffer.alloc(0);
  const size = Buffer.alloc(2);
  size.writeUInt16BE(claimed);
  const sizes = claimed < 126 ? Buffer.of(isMasked | claimed) : Buffer.concat([Buffer.of(isMasked | 126), size]);
  return Buffer.concat([Buffer.of(head), sizes, mask, payload]);
}

/** Long enough for an answer on this machine; the relay itself waits longer for the rest of what never comes. */
const LINGER_MS = 60;

/** Writes to a bare connection and looks at what comes back until the relay hangs up, or has had its time. */
function throwBytes(url: string, chunks: Buffer[], isWrong: (answer: string) => boolean): Promise<string | null> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => {
      for (const chunk of chunks) socket.write(chunk);
      setTimeout(() => socket.destroy(), LINGER_MS);
    });
    const refused = setTimeout(() => socket.destroy(), PATIENCE_MS);
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(refused);
      resolve(isWrong(answer) ? `answer ${answer.slice(0, 60)}` : null);
    });
  });
}
