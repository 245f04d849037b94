import { Buffer } from 'node:buffer';

import {
  aci,
  deviceId,
  expiringDevice,
  mailboxSeq,
  preKeyCounts,
  registrationId,
  type Envelope,
  type ExpiringDevice,
} from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

/**
 * What one node tells the node that holds a mailbox's socket. On the bus: `u32be header length | JSON header | payloads`,
 * so that ciphertext travels as it is. Unknown kinds and fields are ignored: nodes of different versions run together.
 */
export type Ring =
  /** Just stored; ring instead of letting the other node read the store. */
  | { kind: 'envelopes'; envelopes: Envelope[] }
  /** Somebody has submitted again what is stored already: the ring of the first time may never have come. */
  | { kind: 'look' }
  /** A socket of this device opened somewhere: any other with an epoch that is not higher must go. */
  | { kind: 'claim'; epoch: number; socket: string }
  /** The device was removed. */
  | { kind: 'gone' }
  | { kind: 'prekeys-low'; counts: s.Infer<typeof preKeyCounts> }
  | { kind: 'list-changed'; version: number }
  /** Another device of the user will be removed, or was. */
  | { kind: 'device-expiring'; expiring: ExpiringDevice };

const envelopeHeader = s.object({
  seq: mailboxSeq,
  id: s.string().check(s.regex(/^[0-9a-f]{32}$/)),
  user: aci,
  device: deviceId,
  registration: registrationId,
  at: s.int(),
  size: s.int().check(s.gte(0)),
});

const ringHeader = s.discriminatedUnion('kind', [
  s.object({ kind: s.literal('envelopes'), envelopes: s.array(envelopeHeader) }),
  s.object({ kind: s.literal('claim'), epoch: s.int(), socket: s.string() }),
  s.object({ kind: s.literal('look') }),
  s.object({ kind: s.literal('gone') }),
  s.object({ kind: s.literal('prekeys-low'), counts: preKeyCounts }),
  s.object({ kind: s.literal('list-changed'), version: s.int() }),
  s.object({ kind: s.literal('device-expiring'), expiring: expiringDevice }),
]);

export function encodeRing(ring: Ring): Uint8Array {
  const payloads = ring.kind === 'envelopes' ? ring.envelopes.map((envelope) => envelope.payload) : [];
  const header = ring.kind === 'envelopes' ? { kind: ring.kind, envelopes: ring.envelopes.map(toHeader) } : ring;
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, ...payloads]);
}

/** @returns null for what this version does not understand */
export function decodeRing(message: Uint8Array): Ring | null {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  if (bytes.length < 4) return null;
  let at = 4 + bytes.readUInt32BE(0);
  const header = s.safeParse(ringHeader, parseJson(bytes.toString('utf8', 4, at)));
  if (!header.success) return null;
  if (header.data.kind !== 'envelopes') return header.data;
  const envelopes: Envelope[] = [];
  for (const { size, id, ...rest } of header.data.envelopes) {
    if (at + size > bytes.length) return null;
    envelopes.push({ ...rest, id: Buffer.from(id, 'hex'), payload: bytes.subarray(at, at + size) });
    at += size;
  }
  return { kind: 'envelopes', envelopes };
}

function toHeader({ id, payload, ...rest }: Envelope): s.Infer<typeof envelopeHeader> {
  return { ...rest, id: Buffer.from(id).toString('hex'), size: payload.length };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
