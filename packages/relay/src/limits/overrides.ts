import * as z from 'zod';

import { LIMITS, type Budget, type LimitName } from './limits.js';

const NAMES = Object.keys(LIMITS) as [LimitName, ...LimitName[]];

/** Counts that are kept in memory are forgotten by a timer, and a timer holds 31 bits of milliseconds: one beyond fires at once. */
const MAX_WINDOW_SECONDS = 24 * 24 * 3600;
const budget = z.strictObject({
  points: z.number().int().min(1),
  seconds: z.number().int().min(1).max(MAX_WINDOW_SECONDS),
});

/** Changes to the default limits (`LIMITS`), by name. */
export const limitOverrides = z.partialRecord(z.enum(NAMES), budget);
export type LimitOverrides = Partial<Record<LimitName, Budget>>;

/** Those that an app can have of its own: behind one address there may be users of several apps. */
export const APP_LIMITS = NAMES.filter((name) => !name.endsWith('PerAddress')) as [LimitName, ...LimitName[]];
export const appLimitOverrides = z.partialRecord(z.enum(APP_LIMITS), budget);

/**
 * As they are stored: what a later version knows besides is no limit of this one, and what an earlier one let through is bounded.
 */
export const storedAppLimits = z
  .record(z.string(), z.unknown())
  .transform((limits) => Object.fromEntries(Object.entries(limits).filter(([name]) => isAppLimit(name))))
  .pipe(
    z.partialRecord(
      z.enum(APP_LIMITS),
      z.object({
        points: z.number().int().min(1),
        seconds: z
          .number()
          .int()
          .min(1)
          .overwrite((seconds) => Math.min(seconds, MAX_WINDOW_SECONDS)),
      }),
    ),
  );

export function isAppLimit(name: string): boolean {
  return APP_LIMITS.some((known) => known === name);
}
