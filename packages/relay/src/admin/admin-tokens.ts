import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

import * as z from 'zod';

/** Who may administer: a name for the audit log, and the SHA-256 of the token. The tokens themselves are nowhere. */
export const adminToken = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9._@-]{1,64}$/),
  /** 64 hex digits. */
  hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/i)
    .toLowerCase(),
});
export type AdminToken = z.infer<typeof adminToken>;

/** `name:hash` or `hash`, separated by commas, spaces or lines; `#` begins a comment. */
export function readAdminTokens(text: string): unknown[] {
  return text
    .replaceAll(/#.*$/gm, '')
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map((entry) => {
      const colon = entry.lastIndexOf(':');
      const hash = entry.slice(colon + 1);
      return { name: colon < 0 ? hash.slice(0, 8) : entry.slice(0, colon), hash };
    });
}

/** The name of the token, or null. Takes the same time whichever it is, and however much of it is right. */
export function whoHolds(tokens: readonly AdminToken[], presented: string): string | null {
  const digest = hashOf(presented);
  let name: string | null = null;
  for (const token of tokens) if (timingSafeEqual(Buffer.from(token.hash, 'hex'), digest)) name = token.name;
  return name;
}

/** A new token: 32 random bytes, so that its plain hash is enough. */
export function newAdminToken(): { token: string; hash: string } {
  const token = `sotto-admin-${randomBytes(32).toString('base64url')}`;
  return { token, hash: hashOf(token).toString('hex') };
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
