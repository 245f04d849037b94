import { deserializeSession, type SessionRecord } from '@sotto/crypto';

/** A damaged one is none: what it would have opened is asked for again, and what is sealed next begins anew. */
export function sessionIn(bytes: Uint8Array | null | undefined): SessionRecord['current'] {
  try {
    return bytes ? deserializeSession(bytes) : null;
  } catch {
    return null;
  }
}
