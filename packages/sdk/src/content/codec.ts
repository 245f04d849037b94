import * as s from '@sotto/protocol/schema';

import { content, type Content } from './content.js';
import { isShallow } from './nesting.js';
import { MAX_CONTENT_BYTES, pad, unpad } from './padding.js';

/** A decrypted content: parsed, and the JSON text as it came, which is what history keeps. */
export interface DecodedContent {
  readonly content: Content;
  readonly raw: string;
}

/** @returns the padded plaintext to encrypt, or null if the content is longer than {@link MAX_CONTENT_BYTES} */
export function encodeContent(value: Content): { plaintext: Uint8Array; raw: string } | null {
  const raw = JSON.stringify(value);
  const bytes = new TextEncoder().encode(raw);
  return bytes.length > MAX_CONTENT_BYTES ? null : { plaintext: pad(bytes), raw };
}

/** @returns null if the plaintext is not a content: bad padding, UTF-8, JSON or shape, or nested too deep */
export function decodeContent(plaintext: Uint8Array): DecodedContent | null {
  const bytes = unpad(plaintext);
  if (!bytes) return null;
  try {
    const raw = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!isShallow(raw)) return null;
    const parsed = s.safeParse(content, JSON.parse(raw));
    return parsed.success ? { content: parsed.data, raw } : null;
  } catch {
    return null;
  }
}
