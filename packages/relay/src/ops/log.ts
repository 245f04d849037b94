import pino, { type Logger } from 'pino';

export type { Logger };

/**
 * Structured logs on stdout. Nothing of a request is logged but its route, status and time; the redaction is the second
 * line of defence, should an object with a secret ever get here.
 */
export function createLog(level: string): Logger {
  return pino({
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
  });
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
