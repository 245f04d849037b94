import { ERROR_CODES, type ErrorBody, type ErrorCode, type StaleUser } from '@sotto/protocol';

/** The relay said no, or (`network`) nothing usable at all. */
export class RelayError extends Error {
  override readonly name = 'RelayError';
  readonly code: ErrorCode | 'network';
  readonly retryAfterMs: number | null;
  readonly stale: readonly StaleUser[];

  constructor(body: ErrorBody | null, options?: ErrorOptions) {
    super(body?.message ?? 'The relay could not be reached.', options);
    this.code = body?.code ?? 'network';
    this.retryAfterMs = body?.retryAfterMs ?? null;
    this.stale = body?.stale ?? [];
  }

  /** Whether the same request can succeed later without anything being mended. */
  get transient(): boolean {
    return this.code === 'network' || ERROR_CODES[this.code].retry === 'later';
  }
}
