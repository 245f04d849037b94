import type { Front } from './front.js';

/** The history as one JSON document, in pieces. What makes them is loaded when somebody wants one. */
export function exportStream(front: Front): ReadableStream<Uint8Array> {
  let pieces: AsyncGenerator<string, void> | null = null;
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        pieces ??= (await import('./export-history.js')).exportHistory(front);
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
