import type { AppId } from '@sotto/protocol';

import { RelayError } from '../errors.js';

export interface Budget {
  points: number;
  /** Length of the window in seconds; it begins with the first point taken. */
  seconds: number;
}

/** What is limited, for one key each. The numbers leave honest clients ten times what they need. */
export const LIMITS = {
  /** Wrong admin tokens from one address. */
  adminFailuresPerAddress: { points: 10, seconds: 60 },
  /** Sockets opened from one address: an office behind one address that reconnects after an outage. */
  connectionsPerAddress: { points: 1200, seconds: 60 },
  /** Sockets opened by one user: ten devices that reconnect every few seconds. */
  connectionsPerUser: { points: 120, seconds: 60 },
  /** Sockets opened by one device: tabs that take over from each other. */
  connectionsPerDevice: { points: 60, seconds: 60 },
  /** Sockets opened by all users of one app: everybody returns after an outage. */
  connectionsPerApp: { points: 300_000, seconds: 60 },
  /** HTTP requests from one address, before anything else is looked at. */
  requestsPerAddress: { points: 3000, seconds: 60 },
  requestsPerUser: { points: 300, seconds: 60 },
  registrationsPerAddress: { points: 300, seconds: 3600 },
  registrationsPerUser: { points: 30, seconds: 3600 },
  registrationsPerApp: { points: 100_000, seconds: 3600 },
  /** Envelopes that one device submits: receipts of a large backlog included. */
  envelopesPerDevice: { points: 12_000, seconds: 60 },
  envelopesPerUser: { points: 60_000, seconds: 60 },
  /** A server with many bots, or an office. */
  envelopesPerAddress: { points: 600_000, seconds: 60 },
  envelopesPerApp: { points: 6_000_000, seconds: 60 },
  /** Joins and publishes on topics of one device, and one point more for every 20 subscriptions that hear it. */
  topicSignalsPerDevice: { points: 1200, seconds: 60 },
  /** One-time prekeys one user may take from another: a few sessions anew with each of ten devices. */
  bundlesPerPair: { points: 30, seconds: 3600 },
  /** One-time prekeys that one user, one device of it, one address and one app may take from all others together. */
  bundlesPerUser: { points: 3_000, seconds: 3600 },
  bundlesPerDevice: { points: 2_000, seconds: 3600 },
  bundlesPerAddress: { points: 30_000, seconds: 3600 },
  bundlesPerApp: { points: 1_000_000, seconds: 3600 },
  /** One-time prekeys a day that all fetchers together may take from one user: the stock refills, but not for ever. */
  bundlesPerTarget: { points: 1000, seconds: 86_400 },
} as const satisfies Record<string, Budget>;
export type LimitName = keyof typeof LIMITS;

/** Points of one limit for one key; `app` where the key belongs to one, for it may have a budget of its own. */
export interface Demand {
  limit: LimitName;
  key: string;
  app?: AppId;
}

export interface Limiter {
  /**
   * Takes `points` (1) of a limit; 0 only asks. Milliseconds until it may succeed when it is used up, else null. Never
   * rejects.
   */
  take(demand: Demand, points?: number): Promise<number | null>;
  /** Points in the window of this limit, for this app. */
  budget(demand: Demand): number;
}

export const unlimited: Limiter = { take: () => Promise.resolve(null), budget: () => Infinity };

/** Takes a point of each. Refuses with `rate-limited` and the longest wait. */
export async function takeOrRefuse(limiter: Limiter, demands: readonly Demand[]): Promise<void> {
  const waits = await Promise.all(demands.map((demand) => limiter.take(demand)));
  refuseFor(waits, demands[0]?.app);
}

/** @param waits what the limiter said */
export function refuseFor(waits: readonly (number | null)[], app?: AppId): void {
  const retryAfterMs = Math.max(...waits.map((wait) => wait ?? -1));
  if (retryAfterMs >= 0) throw new RelayError('rate-limited', undefined, { retryAfterMs, ...(app && { app }) });
}
