import { connect, type Socket } from 'node:net';

import { SOCKET_PATH } from '@sotto/protocol';

import { decode, encode, type Encodable } from './msgpack.js';

/** Socket.IO packets: https://github.com/socketio/socket.io-protocol */
const CONNECT = 0;
const EVENT = 2;
const ACK = 3;

interface Packet {
  type: number;
  id?: number;
  data: unknown;
}

/** Any mask but zero: the relay then has the work of unmasking that it has with real clients. */
const MASK = Buffer.of(0x5a, 0xc3, 0x96, 0x3c);

/** Packet ids from here on always take five bytes, so that they can be written into a ready-made frame. */
export const FIRST_ID = 0x10000;

export interface WireEvents {
  event(name: string, message: unknown): void;
  reply(id: number, answer: unknown): void;
  /** The socket ended, with what is known about why. */
  closed(why: string): void;
}

/**
 * A Socket.IO client of the least possible cost: one WebSocket on a bare TCP socket, MessagePack packets, no objects but
 * what the load needs. Everything written within one tick leaves in one write.
 */
export class Wire {
  readonly #socket: Socket;
  readonly #hello: Encodable;
  #events: WireEvents | null = null;
  #upgraded = false;
  #rest: Buffer | null = null;
  #out: Buffer[] = [];
  #opened: { resolve: () => void; reject: (error: Error) => void } | null = null;

  private constructor(url: string, hello: Encodable) {
    const { hostname, port } = new URL(url);
    this.#hello = hello;
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => {
      this.#received(chunk);
    });
    this.#socket.on('error', (error) => {
      this.#ended(error.message);
    });
    this.#socket.on('close', () => {
      this.#ended('the relay closed the connection');
    });
    this.#socket.write(
      `GET ${SOCKET_PATH}/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\n` +
        'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c290dG8gYmVuY2htYXJrIQ==\r\n\r\n',
    );
  }

  /**
   * @returns the wire at once, for what is delivered may be there before anybody hears that it is open; `opened` rejects with
   *   the relay's refusal
   */
  static open(url: string, hello: Encodable, events: WireEvents): { wire: Wire; opened: Promise<void> } {
    const wire = new Wire(url, hello);
    wire.#events = events;
    const opened = new Promise<void>((resolve, reject) => {
      wire.#opened = { resolve, reject };
    });
    return { wire, opened };
  }

  /** An unmasked payload that may be used many times: its packet id is written into `frame` by {@link send}. */
  static packet(event: string, message: Encodable): Buffer {
    return encode({ type: EVENT, nsp: '/', id: FIRST_ID, data: [event, message] });
  }

  /** Sends a copy of `packet`. */
  send(packet: Buffer): void {
    this.#write(packet, 2);
  }

  close(): void {
    this.#events = null;
    this.#socket.destroy();
  }

  #write(payload: Buffer | string, opcode: number): void {
    const length = payload.length;
    const size = length < 126 ? 2 : length < 0x10000 ? 4 : 10;
    const frame = Buffer.allocUnsafe(size + 4 + length);
    frame[0] = 0x80 | opcode;
    frame[1] = 0x80 | (size === 2 ? length : size === 4 ? 126 : 127);
    if (size === 4) frame.writeUInt16BE(length, 2);
    if (size === 10) frame.writeBigUInt64BE(BigInt(length), 2);
    MASK.copy(frame, size);
    const start = size + 4;
    if (typeof payload === 'string') frame.write(payload, start, 'latin1');
    else payload.copy(frame, start);
    for (let at = 0; at < length; at++) frame[start + at] = (frame[start + at] ?? 0) ^ (MASK[at & 3] ?? 0);
    if (this.#out.push(frame) === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const [first, ...more] = this.#out;
    this.#out = [];
    if (!first || this.#socket.destroyed) return;
    this.#socket.write(more.length === 0 ? first : Buffer.concat([first, ...more]));
  }

  #received(chunk: Buffer): void {
    let bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    if (!this.#upgraded) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) {
        this.#rest = bytes;
        return;
      }
      if (!bytes.toString('latin1', 0, 12).endsWith('101')) this.#ended(bytes.toString('latin1', 0, 40));
      this.#upgraded = true;
      bytes = bytes.subarray(end + 4);
    }
    const used = this.#frames(bytes);
    this.#rest = used < bytes.length ? bytes.subarray(used) : null;
  }

  /** @returns how many bytes were whole frames */
  #frames(bytes: Buffer): number {
    let at = 0;
    while (at + 2 <= bytes.length) {
      const short = bytes[at + 1] ?? 0;
      const size = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (at + size > bytes.length) break;
      const length =
        size === 2 ? short : size === 4 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
      if (at + size + length > bytes.length) break;
      this.#frame((bytes[at] ?? 0) & 15, bytes.subarray(at + size, at + size + length));
      at += size + length;
    }
    return at;
  }

  /** Engine.IO: text frames begin with a digit (0 open, 2 ping), binary ones are Socket.IO packets. */
  #frame(opcode: number, payload: Buffer): void {
    if (opcode === 8) this.#ended('the relay closed the WebSocket');
    else if (opcode === 9) this.#write(payload.toString('latin1'), 10);
    else if (opcode === 2) this.#packet(decode(payload) as Packet);
    else if (payload[0] === 0x30) this.#write(encode({ type: CONNECT, nsp: '/', data: this.#hello }), 2);
    else if (payload[0] === 0x32) this.#write('3', 1);
  }

  #packet({ type, id, data }: Packet): void {
    if (type === EVENT) {
      const [name, message] = data as [string, unknown];
      this.#events?.event(name, message);
    } else if (type === ACK && id !== undefined) this.#events?.reply(id, (data as unknown[])[0]);
    else if (type === CONNECT) {
      this.#opened?.resolve();
      this.#opened = null;
    } else this.#ended(`refused: ${JSON.stringify(data)}`);
  }

  #ended(why: string): void {
    this.#opened?.reject(new Error(why));
    this.#opened = null;
    this.#events?.closed(why);
    this.close();
  }
}
