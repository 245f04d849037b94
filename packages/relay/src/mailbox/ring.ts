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
import * as z from 'zod/mini';

/**
 * What one node tells the node that holds a mailbox's socket. On the bus: `u32be header length | JSON header | payloads`,
 * so that ciphertext travels as it is. Unknown kinds and fields are ignored: nodes of different versions run together.
 */
export type Ring =
  /** Just stored; ring instead of letting the other node read the store. */
  | { kind: 'envelopes'; envelopes: Envelope[] }
  /** A socket of this device opened somewhere: any other with an epoch that is not higher must go. */
  | { kind: 'claim'; epoch: number; socket: string }
  /** The device was removed. */
  | { kind: 'gone' }
  | { kind: 'prekeys-low'; counts: z.infer<typeof preKeyCounts> }
  | { kind: 'list-changed'; version: number }
  /** Another device of the user will be removed, or was. */
  | { kind: 'device-expiring'; expiring: ExpiringDevice };

const envelopeHeader = z.object({
  seq: mailboxSeq,
  id: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
  user: aci,
  device: deviceId,
  registration: registrationId,
  at: z.int(),
  size: z.int().check(z.gte(0)),
});

const ringHeader = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('envelopes'), envelopes: z.array(envelopeHeader) }),
  z.object({ kind: z.literal('claim'), epoch: z.int(), socket: z.string() }),
  z.object({ kind: z.literal('gone') }),
  z.object({ kind: z.literal('prekeys-low'), counts: preKeyCounts }),
  z.object({ kind: z.literal('list-changed'), version: z.int() }),
  z.object({ kind: z.literal('device-expiring'), expiring: expiringDevice }),
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
  const header = ringHeader.safeParse(parseJson(bytes.toString('utf8', 4, at)));
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

function toHeader({ id, payload, ...rest }: Envelope): z.infer<typeof envelopeHeader> {
  return { ...rest, id: Buffer.from(id).toString('hex'), size: payload.length };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
