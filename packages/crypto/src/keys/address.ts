/** Protocol addresses and service ids (keys-and-signatures.md §5). */
import { parseUuid } from '../encoding/uuid.js';
import { CryptoError } from '../errors.js';
import { concat } from '../primitives/bytes.js';
import { equalBytes } from '../primitives/constant-time.js';
import type { KeyPair } from './curve25519.js';

/** One device of one account: `name` is a service id (an ACI's UUID in Sotto), `deviceId` 1..127. */
export interface ProtocolAddress {
  readonly name: string;
  readonly deviceId: number;
}

/** What a device knows about itself. */
export interface LocalParty {
  readonly identityKeyPair: KeyPair;
  /** 1..16380 */
  readonly registrationId: number;
  readonly address: ProtocolAddress;
}

const PNI_PREFIX = 'PNI:';

/** Fixed-width form of a service id: kind (0 ACI, 1 PNI) || 16 UUID bytes. Null when `name` is no service id. */
export function serviceIdFixedWidth(name: string): Uint8Array | null {
  const isPni = name.startsWith(PNI_PREFIX);
  const uuid = parseUuid(isPni ? name.slice(PNI_PREFIX.length) : name);
  return uuid === null ? null : concat(Uint8Array.of(isPni ? 1 : 0), uuid);
}

/** Variable-width form: an ACI's 16 UUID bytes, a PNI's 17 bytes. Null when `name` is no service id. */
export function serviceIdVariableWidth(name: string): Uint8Array | null {
  const fixed = serviceIdFixedWidth(name);
  if (fixed === null) return null;
  return fixed[0] === 0 ? fixed.slice(1) : fixed;
}

/**
 * The `addresses` field of a message (double-ratchet.md §3), 36 bytes; null when a name is no service id.
 * @throws CryptoError `invalid-argument` for a device id outside of 1..127
 */
export function encodeAddresses(sender: ProtocolAddress, recipient: ProtocolAddress): Uint8Array | null {
  checkAddress(sender);
  checkAddress(recipient);
  const from = serviceIdFixedWidth(sender.name);
  const to = serviceIdFixedWidth(recipient.name);
  if (from === null || to === null) return null;
  return concat(from, Uint8Array.of(sender.deviceId), to, Uint8Array.of(recipient.deviceId));
}

/** @throws CryptoError `invalid-argument` when the device id lies outside of 1..127 */
export function checkAddress(address: ProtocolAddress): void {
  const { deviceId } = address;
  if (!Number.isInteger(deviceId) || deviceId < 1 || deviceId > 127) {
    throw new CryptoError('invalid-argument', 'device id must be 1..127');
  }
}

/** The self-session rule: equal identity keys, and both names parse as the same service id. Devices do not matter. */
export function isSameAccount(
  local: { readonly identityKey: Uint8Array; readonly address: ProtocolAddress },
  remote: { readonly identityKey: Uint8Array; readonly address: ProtocolAddress },
): boolean {
  if (!equalBytes(local.identityKey, remote.identityKey)) return false;
  const ours = serviceIdFixedWidth(local.address.name);
  const theirs = serviceIdFixedWidth(remote.address.name);
  return ours !== null && theirs !== null && equalBytes(ours, theirs);
}

/** Our end of a new session, as {@link isSameAccount} wants it. */
export function ownEnd({ identityKeyPair, address }: LocalParty): {
  identityKey: Uint8Array;
  address: ProtocolAddress;
} {
  return { identityKey: identityKeyPair.publicKey, address };
}
