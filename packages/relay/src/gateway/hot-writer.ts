import type { Deliver, UpReply } from '@sotto/protocol';
import standard from 'socket.io-msgpack-parser';

import { fixMap, fixString, MessagePackWriter } from './message-pack.js';

/** The Socket.IO packet types that are written here. */
const EVENT = 2;
const ACK = 3;

const library = new standard.Encoder();

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

/** The answer to a request: what nearly all are is written directly, without lists in between; the rest by the library. */
export function writeReply(replyTo: number, reply: UpReply['submit' | 'ack']): MessagePackWriter {
  const tail = plainTail(reply);
  if (!tail) return writeAnyReply(replyTo, reply);
  const writer = new MessagePackWriter(ACK_HEAD.length + MessagePackWriter.MAX_INTEGER + tail.length);
  writer.raw(ACK_HEAD);
  writer.integer(replyTo);
  writer.raw(tail);
  return writer;
}

/** Of `{ ok: true }`, also with the one outcome `stored`. */
function plainTail(reply: UpReply['submit' | 'ack']): Buffer | null {
  if (!reply.ok) return null;
  if (!('outcomes' in reply)) return ACK_OK;
  return reply.outcomes.length === 1 && reply.outcomes[0] === 'stored' ? ACK_STORED : null;
}

function writeAnyReply(id: number, reply: unknown): MessagePackWriter {
  const [bytes] = library.encode({ type: ACK, nsp: '/', id, data: [reply] }) as unknown as [Buffer];
  const writer = new MessagePackWriter(bytes.length);
  writer.raw(bytes);
  return writer;
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

export function writeDeliver({ first, envelopes, left }: Deliver): MessagePackWriter {
  let size = FRAME_BYTES;
  for (const { payload } of envelopes) size += ENVELOPE_BYTES + payload.length;
  const writer = new MessagePackWriter(size);
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
  return writer;
}
