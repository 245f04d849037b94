/**
 * Every way in which a relay says no. The code is stable and is what programs look at; `ERROR_TEXTS` has sentences for people.
 * `status` is the HTTP status; over a socket the same code comes in the acknowledgement or as the reason of a refused
 * connection. `retry`: `never` (the same request will fail again), `later` (wait, then the same request), `after-fix`
 * (something must change first, and the SDK knows how).
 */
export const ERROR_CODES = {
  'bad-request': { status: 400, retry: 'never' },
  'too-large': { status: 413, retry: 'never' },
  'not-found': { status: 404, retry: 'never' },
  'upgrade-required': { status: 426, retry: 'never' },
  'token-missing': { status: 401, retry: 'after-fix' },
  'token-invalid': { status: 401, retry: 'after-fix' },
  'token-expired': { status: 401, retry: 'after-fix' },
  'wrong-user': { status: 403, retry: 'never' },
  'app-unknown': { status: 401, retry: 'never' },
  'app-suspended': { status: 403, retry: 'later' },
  'origin-refused': { status: 403, retry: 'never' },
  'address-refused': { status: 403, retry: 'never' },
  'device-unknown': { status: 403, retry: 'never' },
  'device-gone': { status: 403, retry: 'never' },
  'needs-device': { status: 409, retry: 'after-fix' },
  'identity-mismatch': { status: 409, retry: 'never' },
  'link-token-invalid': { status: 403, retry: 'never' },
  'reset-refused': { status: 403, retry: 'never' },
  'device-limit': { status: 409, retry: 'after-fix' },
  'user-unknown': { status: 404, retry: 'later' },
  'device-list-conflict': { status: 409, retry: 'after-fix' },
  'stale-device-list': { status: 409, retry: 'after-fix' },
  'mailbox-full': { status: 507, retry: 'later' },
  'ack-refused': { status: 409, retry: 'after-fix' },
  'topic-limit': { status: 409, retry: 'after-fix' },
  'topic-full': { status: 503, retry: 'later' },
  'topic-not-joined': { status: 409, retry: 'after-fix' },
  superseded: { status: 409, retry: 'after-fix' },
  'rate-limited': { status: 429, retry: 'later' },
  'shutting-down': { status: 503, retry: 'later' },
  unavailable: { status: 503, retry: 'later' },
  internal: { status: 500, retry: 'later' },
} as const satisfies Record<string, { status: number; retry: 'never' | 'later' | 'after-fix' }>;

export type ErrorCode = keyof typeof ERROR_CODES;
