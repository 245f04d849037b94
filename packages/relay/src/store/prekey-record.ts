import { createHash } from 'node:crypto';

import type { KemPreKey, OneTimePreKey, SignedPreKey } from '@sotto/protocol';

import type { PreKeyUpload } from './store.js';

/** Numbers as they stand in the `kind` column. */
export const PREKEY_KIND = { oneTime: 0, kem: 1, signed: 2, lastResort: 3 } as const;
export type PreKeyKind = (typeof PREKEY_KIND)[keyof typeof PREKEY_KIND];

/** A prekey as it is stored: `key`, and for all but one-time EC keys `key || signature (64) || deviceSignature (64)`. */
export interface PreKeyRecord {
  kind: PreKeyKind;
  id: number;
  record: Uint8Array;
}

export function uploadedRecords(upload: PreKeyUpload): { standing: PreKeyRecord[]; oneTime: PreKeyRecord[] } {
  const standing: PreKeyRecord[] = [];
  if (upload.signedPreKey) standing.push(pack(PREKEY_KIND.signed, upload.signedPreKey));
  if (upload.lastResortKemPreKey) standing.push(pack(PREKEY_KIND.lastResort, upload.lastResortKemPreKey));
  return {
    standing,
    oneTime: [
      ...upload.oneTimePreKeys.map(({ id, key }) => ({ kind: PREKEY_KIND.oneTime, id, record: key })),
      ...upload.kemPreKeys.map((key) => pack(PREKEY_KIND.kem, key)),
    ],
  };
}

/** Tells a key that was handed out from all others: the first 16 bytes of SHA-256(kind || record). */
export function spentDigest({ kind, record }: Pick<PreKeyRecord, 'kind' | 'record'>): Uint8Array {
  return createHash('sha256').update(Uint8Array.of(kind)).update(record).digest().subarray(0, 16);
}

function pack(kind: PreKeyKind, key: SignedPreKey | KemPreKey): PreKeyRecord {
  return { kind, id: key.id, record: Buffer.concat([key.key, key.signature, key.deviceSignature]) };
}

export function unpackSigned({ id, record }: Pick<PreKeyRecord, 'id' | 'record'>): SignedPreKey & KemPreKey {
  const end = record.length - 128;
  return {
    id,
    key: record.subarray(0, end),
    signature: record.subarray(end, end + 64),
    deviceSignature: record.subarray(end + 64),
  };
}

export function unpackOneTime({ id, record }: Pick<PreKeyRecord, 'id' | 'record'>): OneTimePreKey {
  return { id, key: record };
}
