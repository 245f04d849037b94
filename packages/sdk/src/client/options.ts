import { appId, type AppId } from '@sotto/protocol';
import * as z from 'zod/mini';

import type { TokenSource } from '../engine/tokens.js';
import { SottoError } from '../errors.js';
import type { ExclusiveStorage } from './databases.js';
import type { ClientOptions } from './types.js';

const MAX_USER_BYTES = 255;

export const userName = z.string().check(
  z.minLength(1),
  z.refine((name) => new TextEncoder().encode(name).length <= MAX_USER_BYTES, 'must be at most 255 bytes of UTF-8'),
);

const options = z.strictObject({
  relay: z.url({ protocol: /^https?$/ }),
  app: appId,
  user: userName,
  token: z.custom<TokenSource>((value) => typeof value === 'function', 'must be a function'),
  receipts: z._default(z.enum(['answered', 'always', 'never']), 'answered'),
  identityChanges: z._default(z.enum(['inform', 'block']), 'inform'),
  storage: z.optional(z.union([z.enum(['indexeddb', 'memory']), z.custom<ExclusiveStorage>(isStorage)])),
  profile: z._default(z.string().check(z.maxLength(64)), ''),
});

function isStorage(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'open' in value && typeof value.open === 'function';
}

export interface ParsedOptions extends Omit<Required<ClientOptions>, 'app'> {
  readonly app: AppId;
}

/** @throws SottoError `bad-options`, naming the field */
export function parseOptions(given: ClientOptions): ParsedOptions {
  const parsed = z.safeParse(options, given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new SottoError('bad-options', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const { relay, storage, ...rest } = parsed.data;
  const hasDatabase = 'indexedDB' in globalThis;
  if (storage === 'indexeddb' && !hasDatabase)
    throw new SottoError('bad-options', 'storage: there is no IndexedDB here');
  return { ...rest, relay: new URL(relay).origin, storage: storage ?? (hasDatabase ? 'indexeddb' : 'memory') };
}
