/** What happens to a page. To an engine in a worker the page tells what matters there (`worker/in-worker.ts`). */
export type PageEvent = 'freeze' | 'resume' | 'pagehide' | 'pageshow' | 'online' | 'visibilitychange';

const ON_DOCUMENT: ReadonlySet<PageEvent> = new Set(['freeze', 'resume', 'visibilitychange']);

/** Does nothing where there are no such events (Node). @returns what ends it */
export function onPage(event: PageEvent, run: () => void): () => void {
  const { document } = globalThis as { document?: Document };
  const target = (ON_DOCUMENT.has(event) && document ? document : globalThis) as Partial<EventTarget>;
  target.addEventListener?.(event, run);
  return () => target.removeEventListener?.(event, run);
}

/** Whether somebody may be looking: in a worker, that is for the page to say. */
export function isSeen(): boolean {
  const { document } = globalThis as { document?: Document };
  return document?.visibilityState !== 'hidden';
}
