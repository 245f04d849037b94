/** Zeroed salt of HKDF when the specification says "none" (RFC 5869 §2.2), and first half of several inputs. */
export const ZEROS_32: Uint8Array = new Uint8Array(32);

export const NO_BYTES: Uint8Array = new Uint8Array(0);

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** ASCII label bytes. Labels are constants, so anything outside ASCII is a mistake. */
export function ascii(label: string): Uint8Array {
  const out = new Uint8Array(label.length);
  for (let i = 0; i < label.length; i++) out[i] = label.charCodeAt(i);
  return out;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += HEX[byte] ?? '';
  return hex;
}

export function u32be(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** Big-endian 64-bit form of a non-negative safe integer. */
export function u64be(value: number): Uint8Array {
  return concat(u32be(Math.floor(value / 0x1_0000_0000)), u32be(value >>> 0));
}

/** Overwrites secrets that are no longer needed. JavaScript may have copied them before; this removes what we hold. */
export function wipe(...secrets: readonly (Uint8Array | null | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}
