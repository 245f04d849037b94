import * as s from '@sotto/protocol/schema';

import { content, type Content } from './content.js';
import type { RandomBytes } from '../util/random.js';
import { isShallow } from './nesting.js';
import { MAX_PADDED_BYTES, pad, unpad } from './padding.js';

/** A decrypted content: parsed, and the JSON text as it came, which is what history keeps. */
export interface DecodedContent {
  readonly content: Content;
  readonly raw: string;
}

/**
 * One block of the cipher. With random bytes in the first block, two plaintexts under one message key have no block of
 * ciphertext in common: a device that was put back to an older state may use a key again before anybody can know (SECURITY.md).
 */
const SALT_BYTES = 16;

/** @returns the salted and padded plaintext to encrypt, or null if the content is too long for the largest padding bucket */
export function encodeContent(value: Content, random: RandomBytes): { plaintext: Uint8Array; raw: string } | null {
  const raw = JSON.stringify(value);
  const plaintext = toPlaintext(raw, random);
  return plaintext && { plaintext, raw };
}

/** `salt (16) || UTF-8 || padding`; null if that is too long. */
export function toPlaintext(raw: string, random: RandomBytes): Uint8Array | null {
  const text = new TextEncoder().encode(raw);
  const bytes = new Uint8Array(SALT_BYTES + text.length);
  if (bytes.length > MAX_PADDED_BYTES) return null;
  bytes.set(random(SALT_BYTES));
  bytes.set(text, SALT_BYTES);
  return pad(bytes);
}

/** @returns null if the plaintext is not a content: bad salt, padding, UTF-8, JSON or shape, or nested too deep */
export function decodeContent(plaintext: Uint8Array): DecodedContent | null {
  const bytes = unpad(plaintext);
  if (!bytes || bytes.length < SALT_BYTES) return null;
  try {
    const raw = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(SALT_BYTES));
    if (!isShallow(raw)) return null;
    const parsed = s.safeParse(content, JSON.parse(raw));
    return parsed.success ? { content: parsed.data, raw } : null;
  } catch {
    return null;
  }
}
