import type { AppId } from '@sotto/protocol';

import type { Quota } from '../store/store.js';

/** What the relay's settings and the app's own make together. */
export interface AppPolicy {
  /** Unacknowledged envelopes are kept so long, milliseconds. */
  retentionMs: number;
  quota: Quota;
  /** Devices that were not seen for so long are removed, milliseconds. */
  inactiveMs: number;
}

/** What the core asks about an app whose token was good. */
export interface Tenants {
  /** Null: its users may work. */
  refusal(app: AppId): 'app-unknown' | 'app-suspended' | null;
  /** Whether tokens that this key signed still count. */
  acceptsKey(app: AppId, fingerprint: string, now: number): boolean;
  policy(app: AppId): AppPolicy;
  /** Those of the apps that have a time of their own, milliseconds. */
  retentions(): ReadonlyMap<AppId, number>;
  inactivities(): ReadonlyMap<AppId, number>;
}

/** One policy for whatever the verifier lets in: for simulations and tests. */
export function everyApp(policy: AppPolicy): Tenants {
  return {
    refusal: () => null,
    acceptsKey: () => true,
    policy: () => policy,
    retentions: () => new Map(),
    inactivities: () => new Map(),
  };
}
