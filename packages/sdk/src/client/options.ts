import { appId, type AppId } from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

import type { TokenSource } from '../engine/tokens.js';
import { SottoError } from '../errors.js';
import type { ExclusiveStorage } from './databases.js';
import type { ClientOptions } from './types.js';

const MAX_USER_BYTES = 255;

const userName = s.string().check(
  s.minLength(1),
  s.refine((name) => new TextEncoder().encode(name).length <= MAX_USER_BYTES, 'must be at most 255 bytes of UTF-8'),
);

export const isUserName = (name: string): boolean => s.safeParse(userName, name).success;

const options = s.strictObject({
  relay: s.string().check(s.refine(isWebAddress, 'must be an http or https address')),
  app: appId,
  user: userName,
  token: s.custom<TokenSource>((value) => typeof value === 'function', 'must be a function'),
  receipts: s.optional(s.oneOf(['answered', 'always', 'never'])),
  identityChanges: s.optional(s.oneOf(['inform', 'block'])),
  storage: s.optional(
    s.union([s.oneOf(['indexeddb', 'memory']), s.custom<ExclusiveStorage>(isStorage, 'must be a storage')]),
  ),
  worker: s.optional(s.custom<() => Worker>((value) => typeof value === 'function', 'must be a function')),
  profile: s.optional(s.string().check(s.maxLength(64))),
});

function isWebAddress(text: string): boolean {
  try {
    // `URL.canParse` is younger than browsers in use.
    return /^https?:\/\//i.test(text) && new URL(text).host !== '';
  } catch {
    return false;
  }
}

function isStorage(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'open' in value && typeof value.open === 'function';
}

export interface ParsedOptions extends Omit<Required<ClientOptions>, 'app' | 'worker'> {
  readonly app: AppId;
  readonly worker: (() => Worker) | null;
}

/** @throws SottoError `bad-options`, naming the field */
export function parseOptions(given: ClientOptions): ParsedOptions {
  const parsed = s.safeParse(options, given);
  if (!parsed.success) {
    const { path, message } = parsed.issue;
    throw new SottoError('bad-options', `${path.join('.')}: ${message}`);
  }
  const {
    relay,
    storage,
    receipts = 'answered',
    identityChanges = 'inform',
    profile = '',
    worker = null,
    ...rest
  } = parsed.data;
  const hasDatabase = 'indexedDB' in globalThis;
  if (storage === 'indexeddb' && !hasDatabase)
    throw new SottoError('bad-options', 'storage: there is no IndexedDB here');
  return {
    ...rest,
    receipts,
    identityChanges,
    profile,
    worker,
    relay: new URL(relay).origin,
    storage: storage ?? (hasDatabase ? 'indexeddb' : 'memory'),
  };
}
