import { CryptoError } from '../errors.js';
import { toHex } from '../primitives/bytes.js';

export const UUID_BYTES = 16;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The 16 bytes of a hyphenated UUID, in network order. @throws CryptoError `invalid-argument` */
export function uuidToBytes(uuid: string): Uint8Array {
  if (!UUID.test(uuid)) throw new CryptoError('invalid-argument', 'not a UUID');
  const hex = uuid.replaceAll('-', '');
  return Uint8Array.from({ length: UUID_BYTES }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

/** Lower-case hyphenated form of 16 bytes. */
export function uuidFromBytes(bytes: Uint8Array): string {
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
