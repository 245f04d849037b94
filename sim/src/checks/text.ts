import type { HistoryRows } from '@sotto/sdk/testing';

export type MessageRow = HistoryRows['messages'];

/** What a person wrote; null for everything else that stands in a history. */
export function textOf({ body }: MessageRow): string | null {
  if (body.kind !== 'content' || body.type !== 'text') return null;
  return 'text' in body.data && typeof body.data.text === 'string' ? body.data.text : null;
}
