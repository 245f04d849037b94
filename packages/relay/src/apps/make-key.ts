import type { Random } from '../platform.js';
import { AppError } from './app-error.js';
import { importKey, materialOf, type AppKey, type KeyInput } from './app-key.js';

const SECRET_BYTES = 32;
const KID_BYTES = 6;

/** RFC 7518 section 3.3. */
const MIN_RSA_BITS = 2048;

export interface MadeKey {
  key: AppKey & { kid: string; createdAt: number };
  /** The secret, when it was made here. */
  generated?: string;
}

/** A key from what was given, tried out; without a secret, HS256 gets a random one. Rejects with `key-unusable`. */
export async function makeKey(input: KeyInput, { now, random }: { now: number; random: Random }): Promise<MadeKey> {
  const kid = input.kid ?? `k-${Buffer.from(random(KID_BYTES)).toString('hex')}`;
  const isGenerated = input.algorithm === 'HS256' && input.secret === undefined;
  const secret = isGenerated ? Buffer.from(random(SECRET_BYTES)).toString('base64url') : input.secret;
  const material = materialOf({ ...input, secret });
  if (!material) throw new AppError('bad-request', 'The key has no material of its algorithm.');
  const { algorithm } = input;
  if (!('jwksUrl' in material)) await tryOut({ algorithm, material });
  const key = { kid, algorithm, material, createdAt: now, expiresAt: null };
  return { key, ...(isGenerated && secret !== undefined && { generated: secret }) };
}

/** Better now, in front of an operator, than at the first login. */
async function tryOut(key: Parameters<typeof importKey>[0]): Promise<void> {
  const unusable = () => new AppError('key-unusable', `The key cannot be used with ${key.algorithm}.`);
  const imported = await importKey(key).catch(() => {
    throw unusable();
  });
  if (imported instanceof Uint8Array) return;
  const bits = 'modulusLength' in imported.algorithm ? imported.algorithm.modulusLength : MIN_RSA_BITS;
  if (imported.type !== 'public' || Number(bits) < MIN_RSA_BITS) throw unusable();
}
