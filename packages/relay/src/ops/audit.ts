import type { ErrorCode } from '@sotto/protocol';

import type { RelayError } from '../errors.js';
import type { RefusedSource, RelayObserver, SecurityEvent } from '../observer.js';
import type { Clock } from '../platform.js';
import type { Logger } from './log.js';

/** Refusals that may be somebody trying something. */
const SUSPICIOUS = new Set<ErrorCode>([
  'token-invalid',
  'app-unknown',
  'origin-refused',
  'wrong-user',
  'device-unknown',
  'device-gone',
  'link-token-invalid',
  'reset-refused',
  'identity-mismatch',
  'rate-limited',
  'address-refused',
]);

const MINUTE_MS = 60_000;

/** Different refusals that a minute of the log tells apart, so that many addresses do not fill the disk either. */
const MAX_KINDS = 1_000;

interface Repeated {
  line: object;
  more: number;
}

/**
 * Security events in the log, marked `audit`, for whoever must answer "who did that, and when". Of refusals that are
 * alike (code, app, user, device, address) a minute's first is written at once, and at the end of the minute how many
 * more there were: at most `2 * MAX_KINDS + 1` lines a minute.
 */
export class AuditLog implements RelayObserver {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #minute = new Map<string, Repeated>();
  /** Beyond `MAX_KINDS`. */
  #others = 0;
  #cancel: (() => void) | null = null;

  constructor(log: Logger, clock: Clock) {
    this.#log = log.child({ audit: true });
    this.#clock = clock;
  }

  security(event: SecurityEvent): void {
    this.#log.info(event);
  }

  refused({ code, app }: RelayError, from: RefusedSource): void {
    if (!SUSPICIOUS.has(code)) return;
    this.#cancel ??= this.#clock.after(MINUTE_MS, () => {
      this.flush();
    });
    const line = { event: 'refused', code, ...(app !== undefined && { app }), ...from };
    const key = JSON.stringify(line);
    const known = this.#minute.get(key);
    if (known) known.more++;
    else if (this.#minute.size >= MAX_KINDS) this.#others++;
    else {
      this.#minute.set(key, { line, more: 0 });
      this.#log.warn(line);
    }
  }

  /** Writes what was counted so far, and begins anew. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = null;
    for (const { line, more } of this.#minute.values()) if (more > 0) this.#log.warn({ ...line, more });
    if (this.#others > 0) this.#log.warn({ event: 'refused-others', more: this.#others });
    this.#minute.clear();
    this.#others = 0;
  }
}
