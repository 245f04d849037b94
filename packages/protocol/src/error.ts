import * as s from './schema.js';

import { ERROR_CODES, type ErrorCode } from './error-code.js';
import { aci, deviceId, registrationId } from './ids.js';

const codes = Object.keys(ERROR_CODES) as ErrorCode[];

/** A device that a sender should, or should no longer, encrypt to. */
const deviceRef = s.object({ device: deviceId, registration: registrationId });

/** What a sender must correct before it submits again. `version` 0: the user has no device. */
export const staleUser = s.object({
  user: aci,
  version: s.int().check(s.gte(0)),
  missing: s.array(deviceRef),
  gone: s.array(deviceRef),
});
export type StaleUser = s.Infer<typeof staleUser>;

/** The body of every refusal, over HTTP and over sockets. A code that a client does not know reads as `internal`. */
export const errorBody = s.object({
  code: s.otherwise(s.oneOf(codes), 'internal'),
  /** For people; never contains a token, secret, key or content. */
  message: s.string(),
  /** Milliseconds after which the same request may succeed. */
  retryAfterMs: s.optional(s.int().check(s.gte(0))),
  /** With `stale-device-list` only. */
  stale: s.optional(s.array(staleUser)),
});
export type ErrorBody = s.Infer<typeof errorBody>;
