import { hello, MIN_PROTOCOL_VERSION, PROTOCOL_VERSION, type Hello } from '@sotto/protocol';
import * as z from 'zod/mini';

import { RelayError } from '../errors.js';

/** Parses at the door; the message names the field, never its value. */
export function parseOrRefuse<T extends z.ZodMiniType>(schema: T, input: unknown): z.output<T> {
  const parsed = z.safeParse(schema, input);
  if (parsed.success) return parsed.data;
  throw new RelayError('bad-request', describe(parsed.error));
}

/** Unknown keys are the caller's own words and stay out of the message, like every value. */
function describe(error: z.core.$ZodError): string {
  const [issue] = error.issues;
  const path = issue?.path.map(String).join('.').slice(0, 100) ?? '';
  return `${path === '' ? 'message' : path}: ${issue?.code ?? 'invalid'}`;
}

/** The version is looked at first: whatever else a later protocol changed, it must hear `upgrade-required`. */
export function parseHello(input: unknown): Hello {
  const { protocol } = parseOrRefuse(z.looseObject({ protocol: hello.shape.protocol }), input);
  checkVersion(protocol);
  return parseOrRefuse(hello, input);
}

export function checkVersion(version: number): void {
  if (version < MIN_PROTOCOL_VERSION || version > PROTOCOL_VERSION) throw new RelayError('upgrade-required');
}
