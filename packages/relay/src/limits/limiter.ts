import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';

import { LIMITS, type Budget, type Limiter, type LimitName } from './limits.js';

export type LimitOverrides = Partial<Record<LimitName, Budget>>;

interface LimiterOptions {
  /** Changes to the default budgets. */
  overrides?: LimitOverrides;
  /** An ioredis client; then all nodes share the limits. When it fails, each node counts for itself. */
  redis?: object;
  onLimited?: (limit: LimitName) => void;
  onError: (error: unknown) => void;
}

/** Limits on rate-limiter-flexible. The keys are addresses and ACIs, and expire with their window. */
export function createLimiter({ overrides = {}, redis, onLimited, onError }: LimiterOptions): Limiter {
  const names = Object.keys(LIMITS) as LimitName[];
  const limiters = new Map(names.map((name) => [name, limiterOf(name, overrides[name] ?? LIMITS[name], redis)]));
  return {
    async take(limit, key, points = 1) {
      try {
        await limiters.get(limit)?.consume(key, points);
        return null;
      } catch (error) {
        if (error instanceof RateLimiterRes) {
          onLimited?.(limit);
          return error.msBeforeNext;
        }
        onError(error);
        return null;
      }
    },
  };
}

function limiterOf(name: LimitName, { points, seconds }: Budget, redis: object | undefined): RateLimiterAbstract {
  const options = { keyPrefix: `sotto-limit-${name}`, points, duration: seconds };
  const memory = new RateLimiterMemory(options);
  return redis ? new RateLimiterRedis({ ...options, storeClient: redis, insuranceLimiter: memory }) : memory;
}
