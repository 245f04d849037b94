import * as s from '@sotto/protocol/schema';

import type { ContentKind } from '../kind.js';

/** The longest text in UTF-8, and the longest JSON spelling of it: with its header it must fit the largest padding bucket. */
export const MAX_TEXT_BYTES = 32 * 1024;
const MAX_ESCAPED_TEXT_BYTES = 60_000;

export function textFits(text: string): boolean {
  const encoder = new TextEncoder();
  return (
    encoder.encode(text).length <= MAX_TEXT_BYTES &&
    encoder.encode(JSON.stringify(text)).length <= MAX_ESCAPED_TEXT_BYTES
  );
}

const schema = s.looseObject({ text: s.string().check(s.minLength(1), s.maxLength(MAX_TEXT_BYTES)) });

export type TextBody = s.Infer<typeof schema>;

export const text: ContentKind<TextBody> = {
  name: 'text',
  schema,
  shows: 'message',
  to: { peer: true, ownDevices: true },
  receipted: true,
  resent: true,
  summary: (body) => body.text,
};
