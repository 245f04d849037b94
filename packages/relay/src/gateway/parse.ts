import { hello, MIN_PROTOCOL_VERSION, PROTOCOL_VERSION, type Hello } from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

import { RelayError } from '../errors.js';

/** Parses at the door; the message names the field, never its value. */
export function parseOrRefuse<T extends s.Schema<unknown>>(schema: T, input: unknown): s.Infer<T> {
  const parsed = s.safeParse(schema, input);
  if (parsed.success) return parsed.data;
  throw new RelayError('bad-request', describe(parsed.issue));
}

/** Unknown keys are the caller's own words and stay out of the message, like every value. */
function describe({ path, code }: s.Issue): string {
  return `${path.length === 0 ? 'message' : path.join('.').slice(0, 100)}: ${code}`;
}

/** The version is looked at first: whatever else a later protocol changed, it must hear `upgrade-required`. */
export function parseHello(input: unknown): Hello {
  const { protocol } = parseOrRefuse(s.looseObject({ protocol: hello.shape.protocol }), input);
  checkVersion(protocol);
  return parseOrRefuse(hello, input);
}

export function checkVersion(version: number): void {
  if (version < MIN_PROTOCOL_VERSION || version > PROTOCOL_VERSION) throw new RelayError('upgrade-required');
}
