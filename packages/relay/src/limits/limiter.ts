import type { AppId } from '@sotto/protocol';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';

import { LIMITS, type Budget, type Demand, type Limiter, type LimitName } from './limits.js';
import type { LimitOverrides } from './overrides.js';

export interface LimiterOptions {
  /** Changes to the default budgets. */
  overrides?: LimitOverrides;
  /** The budget of one app, where it has one of its own. */
  budgetOf?: (app: AppId, limit: LimitName) => Budget | undefined;
  /** An ioredis client; then all nodes share the limits. When it fails, each node counts for itself. */
  redis?: object;
  onLimited?: (limit: LimitName) => void;
  onError: (error: unknown) => void;
}

/** Limits on rate-limiter-flexible. The keys are addresses, apps and ACIs, and expire with their window. */
export function createLimiter(options: LimiterOptions): Limiter {
  const { overrides = {}, budgetOf, redis, onLimited, onError } = options;
  // One for each budget that somebody has: those of the apps are few.
  const limiters = new Map<string, RateLimiterAbstract>();

  const budgetFor = ({ limit, app }: Demand) => (app && budgetOf?.(app, limit)) ?? overrides[limit] ?? LIMITS[limit];

  function limiterFor(demand: Demand): RateLimiterAbstract {
    const { limit } = demand;
    const budget = budgetFor(demand);
    const name = `${limit}/${budget.points}/${budget.seconds}`;
    const limiter = limiters.get(name) ?? limiterOf(limit, budget, redis);
    limiters.set(name, limiter);
    return limiter;
  }

  return {
    budget: (demand) => budgetFor(demand).points,

    async take(demand, points = 1) {
      try {
        await limiterFor(demand).consume(demand.key, points);
        return null;
      } catch (error) {
        if (error instanceof RateLimiterRes) {
          onLimited?.(demand.limit);
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
