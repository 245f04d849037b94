import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

import type { Aci, AppId, DeviceId, RegistrationId } from '@sotto/protocol';

/** What the relay stores instead of a secret. The secrets are 32 random bytes, so a plain hash is enough. */
export function hashSecret(secret: Uint8Array): Uint8Array {
  return createHash('sha256').update(secret).digest();
}

export function secretMatches(secret: Uint8Array, hash: Uint8Array): boolean {
  return hash.length === 32 && timingSafeEqual(hashSecret(secret), hash);
}

/**
 * A device secret is derived from the relay's own key and the registration attempt, which only the client knows: a
 * repeated registration (its answer was lost) yields the same secret, and still nothing but its hash is stored.
 */
export function deriveDeviceSecret(
  relayKey: Uint8Array,
  attempt: Uint8Array,
  owner: { app: AppId; user: Aci; device: DeviceId; registration: RegistrationId },
): Uint8Array {
  return createHmac('sha256', relayKey)
    .update(`sotto device secret v1\0${owner.app}\0${owner.user}\0${owner.device}\0${owner.registration}\0`)
    .update(attempt)
    .digest();
}
