/**
 * Wiping of used secrets. State goes in and comes out, so the old state stays readable until its owner says that it is
 * done with: then whatever the new state no longer needs is zeroed.
 */
import type { SessionRecord } from './session-record.js';
import type { SessionState } from './session-state.js';

/** Secret parts of a session. Identity and base keys are public and often shared with the caller's own objects. */
function secretsOf(session: SessionState): Uint8Array[] {
  const { rootKey, sender, receivers } = session.ratchet;
  const chains = receivers.flatMap(({ chainKey, skipped }) => [chainKey.key, skipped]);
  return [rootKey, sender.ratchetKeyPair.privateKey, sender.chainKey.key, ...chains, ...bytesWithin(session.pq)];
}

/** Every byte array within plain data. */
function bytesWithin(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(bytesWithin);
}

function sessionsOf({ current, archived }: SessionRecord): readonly SessionState[] {
  return current === null ? archived : [current, ...archived];
}

function overlaps(a: Uint8Array, b: Uint8Array): boolean {
  return a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.length && b.byteOffset < a.byteOffset + a.length;
}

/**
 * Zeroes the secrets of `before` that `after` does not hold: spent chain and root keys, seeds, ratchet private keys,
 * post-quantum state. Call it when `after` is stored and nobody will use `before` again.
 */
export function wipeSuperseded(before: SessionRecord, after: SessionRecord): void {
  const kept = new Map<ArrayBufferLike, Uint8Array[]>();
  for (const secret of sessionsOf(after).flatMap(secretsOf)) {
    kept.set(secret.buffer, [...(kept.get(secret.buffer) ?? []), secret]);
  }
  for (const session of sessionsOf(before)) {
    if (sessionsOf(after).includes(session)) continue;
    for (const secret of secretsOf(session)) {
      if (!(kept.get(secret.buffer) ?? []).some((other) => overlaps(secret, other))) secret.fill(0);
    }
  }
}
