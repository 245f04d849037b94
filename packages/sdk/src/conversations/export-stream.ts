import type { Front } from './front.js';
import { loadLater } from './later.js';

/** The history as one JSON document, in pieces. */
export function exportStream(front: Front): ReadableStream<Uint8Array> {
  let pieces: AsyncGenerator<string, void> | null = null;
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        pieces ??= (await loadLater()).exportHistory(front);
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
