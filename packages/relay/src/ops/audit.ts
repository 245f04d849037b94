import type { ErrorCode } from '@sotto/protocol';

import type { RelayObserver } from '../observer.js';
import type { Logger } from './log.js';

/** Refusals that may be somebody trying something. */
const SUSPICIOUS = new Set<ErrorCode>([
  'token-invalid',
  'app-unknown',
  'origin-refused',
  'wrong-user',
  'device-unknown',
  'link-token-invalid',
  'reset-refused',
  'identity-mismatch',
  'rate-limited',
  'address-refused',
]);

/** Security events in the log, marked `audit`, for whoever must answer "who did that, and when". */
export function auditLog(log: Logger): RelayObserver {
  const audit = log.child({ audit: true });
  return {
    security: (event) => {
      audit.info(event);
    },
    refused: ({ code }, from) => {
      if (SUSPICIOUS.has(code)) audit.warn({ event: 'refused', code, ...from });
    },
  };
}
