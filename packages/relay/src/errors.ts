import { ERROR_CODES, ERROR_TEXTS, type AppId, type ErrorBody, type ErrorCode, type StaleUser } from '@sotto/protocol';

/**
 * The relay's typed refusal: what it becomes on the wire stands in the protocol's `ERROR_CODES`. The message is for
 * people and must never contain a token, a secret, a key or content.
 */
export class RelayError extends Error {
  override readonly name = 'RelayError';
  readonly code: ErrorCode;
  /** Milliseconds after which the same request may succeed. */
  readonly retryAfterMs: number | undefined;
  /** With `stale-device-list` only: what the sender must correct. */
  readonly stale: StaleUser[] | undefined;
  /** For the audit log, not for the wire: the app whose token was refused. */
  readonly app: AppId | undefined;

  constructor(
    code: ErrorCode,
    message?: string,
    extra: { retryAfterMs?: number; stale?: StaleUser[]; app?: AppId; cause?: unknown } = {},
  ) {
    super(message ?? ERROR_TEXTS[code].meaning, extra.cause === undefined ? undefined : { cause: extra.cause });
    this.code = code;
    this.retryAfterMs = extra.retryAfterMs;
    this.stale = extra.stale;
    this.app = extra.app;
  }

  get status(): number {
    return ERROR_CODES[this.code].status;
  }

  get body(): ErrorBody {
    return {
      code: this.code,
      message: this.message,
      ...(this.retryAfterMs !== undefined && { retryAfterMs: this.retryAfterMs }),
      ...(this.stale !== undefined && { stale: this.stale }),
    };
  }
}

export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
