/** What is limited, and how much of it: `points` per `seconds` for one key. */
export const LIMITS = {
  /** One-time prekeys one user may take from another's devices: a few sessions anew with each of ten devices. */
  bundlesPerPair: { points: 30, seconds: 3600 },
  /** One-time prekeys a day that all fetchers together may take from one user: the stock refills, but not for ever. */
  bundlesPerTarget: { points: 1000, seconds: 86_400 },
} as const;
export type LimitName = keyof typeof LIMITS;

export interface Limiter {
  /** Takes `points` of a limit; milliseconds until it may succeed when it is used up, else null. */
  take(limit: LimitName, key: string, points?: number): Promise<number | null>;
}

export const unlimited: Limiter = { take: () => Promise.resolve(null) };
