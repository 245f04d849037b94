import * as s from './schema.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const VALUES = new Map(Array.from(ALPHABET, (character, value) => [character.charCodeAt(0), value]));

/** RFC 4648 section 5, without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b, c] = [bytes[i], bytes[i + 1], bytes[i + 2]];
    text += ALPHABET.charAt(a >> 2) + ALPHABET.charAt(((a & 3) << 4) | ((b ?? 0) >> 4));
    if (b !== undefined) text += ALPHABET.charAt(((b & 15) << 2) | ((c ?? 0) >> 6));
    if (c !== undefined) text += ALPHABET.charAt(c & 63);
  }
  return text;
}

/**
 * The inverse of {@link toBase64Url}. Strict: padding, foreign characters and non-zero spare bits are refused, so that
 * every byte string has exactly one spelling.
 *
 * @returns the bytes, or `null` if the text is not canonical base64url.
 */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length % 4 === 1) return null;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let pending = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const value = VALUES.get(text.charCodeAt(i));
    if (value === undefined) return null;
    pending = ((pending << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (pending >> bits) & 0xff;
    }
  }
  return (pending & ((1 << bits) - 1)) === 0 ? bytes : null;
}

/**
 * Bytes inside JSON (HTTP bodies, signed records): a base64url string on the wire, a `Uint8Array` in the program.
 *
 * @param min smallest length in bytes
 * @param max largest length in bytes; the same as `min` unless given
 */
export function base64Bytes(min: number, max: number = min): s.Schema<Uint8Array> {
  const shortest = Math.ceil((min * 4) / 3);
  const longest = Math.ceil((max * 4) / 3);
  const is = bytesOf(min, max);
  return s.codec<string, Uint8Array>({
    wire: s.string().check(s.minLength(shortest), s.maxLength(longest), s.regex(/^[A-Za-z0-9_-]*$/)),
    is,
    decode: (text) => {
      const bytes = fromBase64Url(text);
      return is(bytes) ? bytes : null;
    },
    encode: toBase64Url,
    message: `expected ${range(min, max)} bytes as base64url`,
  });
}

/**
 * Bytes inside a socket frame (MessagePack `bin`). The parser yields a `Buffer` in Node and an `ArrayBuffer` in
 * browsers; the program always sees a `Uint8Array`.
 */
export function binary(min: number, max: number = min): s.Schema<Uint8Array> {
  const is = bytesOf(min, max);
  return s.codec<Uint8Array | ArrayBuffer, Uint8Array>({
    definition: { type: 'bytes', min, max },
    wire: s.custom((value) => value instanceof Uint8Array || value instanceof ArrayBuffer, 'expected binary data'),
    is,
    decode: (value) => {
      const bytes = value instanceof Uint8Array ? value : new Uint8Array(value);
      return is(bytes) ? bytes : null;
    },
    // Both ways, as `hello` and its cursor go out through the same schema.
    encode: (bytes) => bytes,
    message: `expected ${range(min, max)} bytes`,
  });
}

const bytesOf =
  (min: number, max: number) =>
  (value: unknown): value is Uint8Array =>
    value instanceof Uint8Array && value.length >= min && value.length <= max;

function range(min: number, max: number): string {
  return min === max ? String(min) : `${min} to ${max}`;
}
