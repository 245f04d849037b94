/** One session: everything two devices share since one handshake (handshake.md §2, §5). */
import type { KemEncapsulation } from '../handshake/pre-key-message.js';
import type { DoubleRatchet } from '../ratchet/double-ratchet.js';
import type { PqRatchet } from '../ratchet/pq-ratchet.js';
import type { SessionVersion } from '../ratchet/signal-message.js';
import { toHex } from '../primitives/bytes.js';

/** What the initiator repeats in every message until it decrypted one. */
export interface PendingPreKey {
  readonly oneTimePreKeyId: number | null;
  readonly signedPreKeyId: number;
  readonly kem: KemEncapsulation | null;
  /** Seconds since 1970. */
  readonly createdAt: number;
}

/** Opaque to callers, apart from `id`. Never changed in place. */
export interface SessionState {
  /** Hex of the base key (66 characters): stable over the life of the session, usable as a storage key. */
  readonly id: string;
  readonly version: SessionVersion;
  /** The initiator's base key, 33 bytes. */
  readonly baseKey: Uint8Array;
  readonly localIdentityKey: Uint8Array;
  readonly remoteIdentityKey: Uint8Array;
  readonly localRegistrationId: number;
  readonly remoteRegistrationId: number;
  readonly ratchet: DoubleRatchet;
  readonly pq: PqRatchet;
  readonly pending: PendingPreKey | null;
}

export function sessionId(baseKey: Uint8Array): string {
  return toHex(baseKey);
}
