import type { Deliver } from '@sotto/protocol';
import standard from 'socket.io-msgpack-parser';

/** The Socket.IO packet types that are written here; all else is left to the library. */
const EVENT = 2;
const ACK = 3;

interface Packet {
  type: number;
  nsp: string;
  id?: number;
  data?: unknown;
}

/**
 * `socket.io-msgpack-parser`, except that deliveries and plain acknowledgements, which make up nearly all of what a relay
 * sends, are written directly: one buffer each, no intermediate lists. Clients cannot tell the difference.
 */
class Encoder {
  readonly #standard = new standard.Encoder();

  encode(packet: Packet): unknown[] {
    const bytes = encodeAck(packet) ?? encodeDeliver(packet);
    return bytes ? [bytes] : (this.#standard.encode(packet) as unknown as unknown[]);
  }
}

export const packets = { ...standard, Encoder };

const fixString = (text: string) => Buffer.concat([Buffer.of(0xa0 | text.length), Buffer.from(text)]);
const fixMap = (size: number) => Buffer.of(0x80 | size);

const ACK_HEAD = Buffer.concat([
  fixMap(4),
  fixString('nsp'),
  fixString('/'),
  fixString('type'),
  Buffer.of(ACK),
  fixString('id'),
]);
const ACK_OK = Buffer.concat([fixString('data'), Buffer.of(0x91), fixMap(1), fixString('ok'), Buffer.of(0xc3)]);
const ACK_STORED = Buffer.concat([
  fixString('data'),
  Buffer.of(0x91),
  fixMap(2),
  fixString('ok'),
  Buffer.of(0xc3),
  fixString('outcomes'),
  Buffer.of(0x91),
  fixString('stored'),
]);

/** `{ ok: true }`, with or without one outcome `stored`. */
function encodeAck({ type, nsp, id, data }: Packet): Buffer | null {
  if (type !== ACK || nsp !== '/' || id === undefined || !Array.isArray(data) || data.length !== 1) return null;
  const reply = data[0] as { ok?: unknown; outcomes?: unknown } | undefined;
  if (reply?.ok !== true) return null;
  const { outcomes } = reply;
  const isStored = Array.isArray(outcomes) && outcomes.length === 1 && outcomes[0] === 'stored';
  if (Object.keys(reply).length !== (isStored ? 2 : 1)) return null;
  const tail = isStored ? ACK_STORED : ACK_OK;
  const writer = new Writer(ACK_HEAD.length + MAX_INTEGER + tail.length);
  writer.raw(ACK_HEAD);
  writer.integer(id);
  writer.raw(tail);
  return writer.done();
}

const DELIVER_HEAD = Buffer.concat([
  fixMap(3),
  fixString('nsp'),
  fixString('/'),
  fixString('type'),
  Buffer.of(EVENT),
  fixString('data'),
  Buffer.of(0x92),
  fixString('deliver'),
  fixMap(3),
]);
const KEYS = {
  first: fixString('first'),
  left: fixString('left'),
  envelopes: fixString('envelopes'),
  seq: Buffer.concat([fixMap(7), fixString('seq')]),
  id: fixString('id'),
  user: fixString('user'),
  device: fixString('device'),
  registration: fixString('registration'),
  at: fixString('at'),
  payload: fixString('payload'),
};

/** Keys, integers, id and user of one envelope, and the frame around all: more than enough. */
const ENVELOPE_BYTES = 192;
const FRAME_BYTES = 96;

function encodeDeliver({ type, nsp, data }: Packet): Buffer | null {
  if (type !== EVENT || nsp !== '/' || !Array.isArray(data) || data[0] !== 'deliver') return null;
  const { first, envelopes, left } = data[1] as Deliver;
  let size = FRAME_BYTES;
  for (const { payload } of envelopes) size += ENVELOPE_BYTES + payload.length;
  const writer = new Writer(size);
  writer.raw(DELIVER_HEAD);
  writer.raw(KEYS.first);
  writer.integer(first);
  writer.raw(KEYS.left);
  writer.integer(left);
  writer.raw(KEYS.envelopes);
  writer.list(envelopes.length);
  for (const { seq, id, user, device, registration, at, payload } of envelopes) {
    writer.raw(KEYS.seq);
    writer.integer(seq);
    writer.raw(KEYS.id);
    writer.binary(id);
    writer.raw(KEYS.user);
    writer.ascii(user);
    writer.raw(KEYS.device);
    writer.integer(device);
    writer.raw(KEYS.registration);
    writer.integer(registration);
    writer.raw(KEYS.at);
    writer.integer(at);
    writer.raw(KEYS.payload);
    writer.binary(payload);
  }
  return writer.done();
}

const MAX_INTEGER = 9;

/** MessagePack into a buffer that is large enough. */
class Writer {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size);
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** @param value 0 to 2^53 */
  integer(value: number): void {
    if (value < 0x80) this.#byte(value);
    else if (value < 0x100) {
      this.#byte(0xcc);
      this.#byte(value);
    } else if (value < 0x10000) {
      this.#byte(0xcd);
      this.#at = this.#bytes.writeUInt16BE(value, this.#at);
    } else if (value < 0x100000000) {
      this.#byte(0xce);
      this.#at = this.#bytes.writeUInt32BE(value, this.#at);
    } else {
      this.#byte(0xcf);
      this.#at = this.#bytes.writeUInt32BE(Math.floor(value / 2 ** 32), this.#at);
      this.#at = this.#bytes.writeUInt32BE(value >>> 0, this.#at);
    }
  }

  /** @param text at most 255 ASCII characters */
  ascii(text: string): void {
    this.#byte(0xd9);
    this.#byte(text.length);
    this.#at += this.#bytes.write(text, this.#at, 'latin1');
  }

  binary(bytes: Uint8Array): void {
    if (bytes.length < 0x100) {
      this.#byte(0xc4);
      this.#byte(bytes.length);
    } else if (bytes.length < 0x10000) {
      this.#byte(0xc5);
      this.#at = this.#bytes.writeUInt16BE(bytes.length, this.#at);
    } else {
      this.#byte(0xc6);
      this.#at = this.#bytes.writeUInt32BE(bytes.length, this.#at);
    }
    this.raw(bytes);
  }

  list(length: number): void {
    if (length < 0x10) this.#byte(0x90 | length);
    else {
      this.#byte(0xdc);
      this.#at = this.#bytes.writeUInt16BE(length, this.#at);
    }
  }

  #byte(value: number): void {
    this.#bytes[this.#at++] = value;
  }
}
