import { RelayError } from '../errors.js';

export interface Budget {
  points: number;
  /** Length of the window in seconds; it begins with the first point taken. */
  seconds: number;
}

/** What is limited, for one key each. The numbers leave honest clients ten times what they need. */
export const LIMITS = {
  /** Sockets opened from one address: an office behind one address that reconnects after an outage. */
  connectionsPerAddress: { points: 1200, seconds: 60 },
  /** Sockets opened by one user: ten devices that reconnect every few seconds. */
  connectionsPerUser: { points: 120, seconds: 60 },
  /** HTTP requests from one address, before anything else is looked at. */
  requestsPerAddress: { points: 3000, seconds: 60 },
  requestsPerUser: { points: 300, seconds: 60 },
  registrationsPerAddress: { points: 300, seconds: 3600 },
  registrationsPerUser: { points: 30, seconds: 3600 },
  /** Envelopes that one device submits: receipts of a large backlog included. */
  envelopesPerDevice: { points: 12_000, seconds: 60 },
  /** Joins and publishes on topics of one device, and one point more for every 20 subscriptions that hear it. */
  topicSignalsPerDevice: { points: 1200, seconds: 60 },
  /** One-time prekeys one user may take from another: a few sessions anew with each of ten devices. */
  bundlesPerPair: { points: 30, seconds: 3600 },
  /** One-time prekeys a day that all fetchers together may take from one user: the stock refills, but not for ever. */
  bundlesPerTarget: { points: 1000, seconds: 86_400 },
} as const satisfies Record<string, Budget>;
export type LimitName = keyof typeof LIMITS;

export interface Limiter {
  /** Takes `points` of a limit; milliseconds until it may succeed when it is used up, else null. Never rejects. */
  take(limit: LimitName, key: string, points?: number): Promise<number | null>;
}

export const unlimited: Limiter = { take: () => Promise.resolve(null) };

/** Refuses with `rate-limited`. */
export async function takeOrRefuse(limiter: Limiter, limit: LimitName, key: string): Promise<void> {
  const retryAfterMs = await limiter.take(limit, key);
  if (retryAfterMs !== null) throw new RelayError('rate-limited', undefined, { retryAfterMs });
}
