import * as z from 'zod/mini';

import { ERROR_CODES, type ErrorCode } from './error-code.js';
import { aci, deviceId, registrationId } from './ids.js';

const codes = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

/** A device that a sender should, or should no longer, encrypt to. */
const deviceRef = z.object({ device: deviceId, registration: registrationId });

/** What a sender must correct before it submits again. `version` 0: the user has no device. */
export const staleUser = z.object({
  user: aci,
  version: z.int().check(z.gte(0)),
  missing: z.array(deviceRef),
  gone: z.array(deviceRef),
});
export type StaleUser = z.infer<typeof staleUser>;

/** The body of every refusal, over HTTP and over sockets. A code that a client does not know reads as `internal`. */
export const errorBody = z.object({
  code: z.catch(z.enum(codes), 'internal'),
  /** For people; never contains a token, secret, key or content. */
  message: z.string(),
  /** Milliseconds after which the same request may succeed. */
  retryAfterMs: z.optional(z.int().check(z.gte(0))),
  /** With `stale-device-list` only. */
  stale: z.optional(z.array(staleUser)),
});
export type ErrorBody = z.infer<typeof errorBody>;
