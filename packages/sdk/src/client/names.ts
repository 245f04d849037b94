import { toBase64Url } from '@sotto/protocol';
import { sha256 } from '@sotto/crypto/sha256';

import type { ParsedOptions } from './options.js';

/** Names of everything that one user's tabs share on this origin; they tell nobody who that is. */
export interface Names {
  readonly history: string;
  readonly vault: string;
  readonly lock: string;
  readonly channel: string;
  readonly presence: string;
}

export function namesFor({
  relay,
  app,
  user,
  profile,
}: Pick<ParsedOptions, 'relay' | 'app' | 'user' | 'profile'>): Names {
  const hash = sha256(new TextEncoder().encode(JSON.stringify(['sotto', relay, app, user, profile])));
  const base = `sotto-${toBase64Url(hash.subarray(0, 12))}`;
  return {
    history: `${base}-history`,
    vault: `${base}-vault`,
    lock: `${base}-engine`,
    channel: `${base}-tabs`,
    presence: `${base}-presence`,
  };
}
