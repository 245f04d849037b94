import pino, { type Logger } from 'pino';

import type { Clock } from '../platform.js';

export type { Logger };

/**
 * Structured logs, on stdout unless told otherwise. Nothing of a request is logged but its route, status and time; the redaction
 * is the second line of defence, should an object with a secret ever get here.
 */
export function createLog(level: string, to?: { write(line: string): void }): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: [
        'token',
        'secret',
        'attempt',
        'linkToken',
        'payload',
        'authorization',
        'headers',
        'body',
        'auth',
        'sub',
      ].flatMap((name) => [name, `*.${name}`]),
      censor: '[removed]',
    },
  };
  return to ? pino(options, to) : pino(options);
}

/** What an error may say in a log: its kind and place. PostgreSQL's details can quote values, so they stay out. */
export function errorFields(error: unknown): { error: string; code?: string; at?: string } {
  if (!(error instanceof Error)) return { error: typeof error };
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  const at = cause.stack
    ?.split('\n')
    .find((line) => line.trimStart().startsWith('at '))
    ?.trim();
  return { error: cause.message.slice(0, 200), ...(code !== undefined && { code }), ...(at !== undefined && { at }) };
}

/** The same failure is logged once in this time: an outage must not fill the disk. */
const REPEAT_MS = 5_000;

/** Logs failures; of those that repeat, the first and then how many. */
export function errorLog(log: Logger, clock: Clock): (error: unknown) => void {
  const recent = new Map<string, { until: number; suppressed: number }>();
  return (error) => {
    const fields = errorFields(error);
    const now = clock.now();
    const known = recent.get(fields.error);
    if (known && now < known.until) {
      known.suppressed++;
      return;
    }
    // Few kinds of failure exist; should their messages vary without end, forgetting all is enough.
    if (recent.size > 100) recent.clear();
    recent.set(fields.error, { until: now + REPEAT_MS, suppressed: 0 });
    log.error({ ...fields, ...(known && known.suppressed > 0 && { repeated: known.suppressed }) }, 'something failed');
  };
}
