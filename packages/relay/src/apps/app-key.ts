import { importJWK, importSPKI, type CryptoKey } from 'jose';
import * as z from 'zod';

export const ALGORITHMS = ['HS256', 'RS256', 'ES256', 'EdDSA'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** Keys of one app at once: a new one, the old one in its grace period, and room for haste. Each may be tried per token. */
export const MAX_APP_KEYS = 5;

/** HS256 keys shorter than the hash are weaker than it (RFC 7518 section 3.2). */
export const MIN_SECRET_BYTES = 32;

/** What verifies tokens: a shared secret, a public key (PEM or JWK), or the address of a JWK set. */
export type KeyMaterial = { secret: string } | { publicKey: string | PublicJwk } | { jwksUrl: string };

/** One key of an app. The algorithm is pinned to the key: a token cannot choose it. */
export interface AppKey {
  /** Tokens that name it are tried with no other key. */
  kid: string | null;
  algorithm: Algorithm;
  material: KeyMaterial;
  /** Milliseconds since the epoch; null when the configuration says the key. */
  createdAt: number | null;
  /** From then on the key is refused; null: never. */
  expiresAt: number | null;
}

const secret = z
  .string()
  .max(1024)
  .refine(
    (text) => Buffer.byteLength(text) >= MIN_SECRET_BYTES,
    `an HS256 secret needs at least ${MIN_SECRET_BYTES} bytes`,
  );

/** Whoever sends a private key here has made a mistake that must show. */
const jwk = z
  .looseObject({ kty: z.string() })
  .refine(({ kty }) => ['RSA', 'EC', 'OKP'].includes(kty), 'is no RSA, EC or OKP key')
  .refine((key) => !('d' in key || 'k' in key), 'is a private key')
  .refine((key) => JSON.stringify(key).length <= 8192, 'is too large for a public key');
type PublicJwk = z.infer<typeof jwk>;

const publicKey = z.union([z.string().max(8192).startsWith('-----BEGIN PUBLIC KEY-----'), jwk], {
  error: 'must be a public key, as PEM ("-----BEGIN PUBLIC KEY-----") or JWK',
});

/** Plain http would let anyone on the way choose the keys; on this machine there is no way. */
const jwksUrl = z
  .url({ protocol: /^https?$/ })
  .max(2048)
  .refine((url) => {
    // What is no URL the check before has refused, and this one runs all the same.
    if (!URL.canParse(url)) return true;
    const { protocol, hostname, username } = new URL(url);
    return (protocol === 'https:' || ['127.0.0.1', '[::1]', 'localhost'].includes(hostname)) && username === '';
  }, 'must be https:// (http:// on this machine only), without a name in it');

export const keyFields = {
  algorithm: z.enum(ALGORITHMS),
  kid: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .optional(),
  secret: secret.optional(),
  publicKey: publicKey.optional(),
  jwksUrl: jwksUrl.optional(),
};

/** A key as people write it: exactly one material, and of the kind that its algorithm needs. */
const keyObject = z.strictObject(keyFields);
export type KeyInput = z.infer<typeof keyObject>;
export const keyInput = keyObject.refine(
  (key) => materialOf(key) !== null,
  'HS256 needs "secret"; RS256, ES256 and EdDSA need either "publicKey" or "jwksUrl"',
);

/** Null when it is none, several, or of the wrong kind. */
export function materialOf({ algorithm, secret, publicKey, jwksUrl }: KeyInput): KeyMaterial | null {
  const materials: KeyMaterial[] = [
    ...(secret === undefined ? [] : [{ secret }]),
    ...(publicKey === undefined ? [] : [{ publicKey }]),
    ...(jwksUrl === undefined ? [] : [{ jwksUrl }]),
  ];
  const [material] = materials;
  if (!material || materials.length > 1) return null;
  return (algorithm === 'HS256') === 'secret' in material ? material : null;
}

/** The key as `jose` uses it. Rejects when it cannot be read as one of its algorithm. */
export async function importKey({
  algorithm,
  material,
}: Pick<AppKey, 'algorithm'> & { material: Exclude<KeyMaterial, { jwksUrl: string }> }): Promise<
  CryptoKey | Uint8Array
> {
  if ('secret' in material) return new TextEncoder().encode(material.secret);
  const key = material.publicKey;
  return typeof key === 'string' ? importSPKI(key, algorithm) : importJWK(key, algorithm);
}
