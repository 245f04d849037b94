import { fetched } from '../util/fetched.js';
import type { Front } from './front.js';

/** What makes an export. @throws SottoError `relay-unreachable` */
export const loadExport = () => fetched(import('./export-history.js'));

/** The history as one JSON document, in pieces. */
export function exportStream(front: Front): ReadableStream<Uint8Array> {
  let pieces: AsyncGenerator<string, void> | null = null;
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        pieces ??= (await loadExport()).exportHistory(front);
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      cancel: async () => {
        await pieces?.return();
      },
    },
    { highWaterMark: 1 },
  );
}
