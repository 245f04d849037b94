import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const PLAIN = 'plain:';
const SEALED = 'aes-256-gcm:';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A secret that this process cannot open: its key is missing, or another one. */
export class SealError extends Error {
  override readonly name = 'SealError';
  readonly code = 'secret-sealed';
}

/** How app secrets lie in the database. They must be usable for verification, so they cannot be hashed. */
export interface Sealer {
  /** False: there is no key, and secrets are stored as they are. */
  readonly seals: boolean;
  /** @param context what the secret belongs to: it opens only there */
  seal(secret: string, context: string): string;
  /** Throws {@link SealError}. */
  open(stored: string, context: string): string;
}

/** AES-256-GCM, `nonce (12) || ciphertext || tag (16)` as base64url. @param key 32 bytes, or null: nothing is sealed */
export function sealer(key: Uint8Array | null): Sealer {
  return {
    seals: key !== null,

    seal(secret, context) {
      if (key === null) return PLAIN + secret;
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
      const sealed = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return SEALED + sealed.toString('base64url');
    },

    open(stored, context) {
      if (stored.startsWith(PLAIN)) return stored.slice(PLAIN.length);
      if (key === null) throw new SealError('The secret is sealed, and SOTTO_SECRETS_KEY is not set.');
      try {
        return open(key, Buffer.from(stored.slice(SEALED.length), 'base64url'), context);
      } catch {
        throw new SealError('The secret is sealed with another key than SOTTO_SECRETS_KEY.');
      }
    },
  };
}

export function isSealed(stored: string): boolean {
  return stored.startsWith(SEALED);
}

function open(key: Uint8Array, sealed: Buffer, context: string): string {
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(end));
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, end)), decipher.final()]).toString('utf8');
}
