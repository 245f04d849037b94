import * as z from 'zod';

import { LIMITS, type Budget, type LimitName } from './limits.js';

/** Changes to the default limits (`LIMITS`), by name. */
export const limitOverrides = z.partialRecord(
  z.enum(Object.keys(LIMITS) as [LimitName, ...LimitName[]]),
  z.strictObject({ points: z.number().int().min(1), seconds: z.number().int().min(1) }),
);
export type LimitOverrides = Partial<Record<LimitName, Budget>>;
