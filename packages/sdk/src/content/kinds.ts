import * as z from 'zod/mini';

import { messageId } from './content.js';

/**
 * Every kind of content, in one place: its body, and whether it is a message (a row that people see) or an effect (it
 * changes rows). `engine/apply.ts` holds what each effect does to history.
 */

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

/** Message ids in one receipt: with 25 characters each they fit a 16 KiB bucket. */
export const MAX_RECEIPT_IDS = 500;

export const textBody = z.looseObject({ text: z.string().check(z.minLength(1), z.maxLength(MAX_TEXT_BYTES)) });

/** Never receipted, never resent; names messages that the receipt's author was sent. */
export const receiptBody = z.looseObject({
  type: z.enum(['delivered', 'read']),
  ids: z.array(messageId).check(z.minLength(1), z.maxLength(MAX_RECEIPT_IDS)),
});
export type ReceiptType = z.infer<typeof receiptBody>['type'];

/** To own devices: everything in the conversation up to this position has been read. */
export const readMarkBody = z.looseObject({ hlc: z.int().check(z.gte(1)), id: messageId });

export type KnownContent =
  | { kind: 'text'; text: string }
  | { kind: 'receipt'; type: ReceiptType; ids: readonly string[] }
  | { kind: 'read-mark'; hlc: number; id: string }
  /** A kind of a later version: kept, and shown by its fallback. */
  | { kind: 'unknown' };

/** @returns null if the kind is known and its body is not what that kind requires */
export function parseBody(kind: string, body: unknown): KnownContent | null {
  switch (kind) {
    case 'text': {
      const parsed = z.safeParse(textBody, body);
      return parsed.success ? { kind, text: parsed.data.text } : null;
    }
    case 'receipt': {
      const parsed = z.safeParse(receiptBody, body);
      return parsed.success ? { kind, type: parsed.data.type, ids: parsed.data.ids } : null;
    }
    case 'read-mark': {
      const parsed = z.safeParse(readMarkBody, body);
      return parsed.success ? { kind, hlc: parsed.data.hlc, id: parsed.data.id } : null;
    }
    default:
      return { kind: 'unknown' };
  }
}
