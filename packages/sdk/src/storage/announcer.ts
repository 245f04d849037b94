import type { Footprint } from './changes.js';

/**
 * Tells the other tabs what a transaction writes, and hears what theirs write.
 *
 * Said *inside* the transaction, after its last request and before its commit: whoever hears it and reads then waits in
 * IndexedDB's queue behind that transaction, so nothing is read too early, and a tab that dies between commit and telling
 * does not exist. A transaction that fails after all has only caused a needless read.
 */
export interface Announcer {
  tell(changes: Footprint): void;
  close(): void;
}

/** @param hear called with what another tab writes, or null where something may have been missed */
export function startAnnouncer(name: string, hear: (changes: Footprint | null) => void): Announcer {
  const channel = new BroadcastChannel(name);
  let isClosed = false;
  channel.addEventListener('message', ({ data }: MessageEvent<unknown>) =>
    hear(data instanceof Map ? (data as Footprint) : null),
  );
  channel.addEventListener('messageerror', () => hear(null));
  // A page in the back/forward cache hears nothing, and a frozen one perhaps not all.
  const missed = (): void => hear(null);
  const { document } = globalThis as { document?: Document };
  globalThis.addEventListener('pageshow', missed);
  document?.addEventListener('resume', missed);
  return {
    // A transaction may be ending while its client is closed.
    tell: (changes) => {
      if (!isClosed) channel.postMessage(changes);
    },
    close: () => {
      isClosed = true;
      channel.close();
      globalThis.removeEventListener('pageshow', missed);
      document?.removeEventListener('resume', missed);
    },
  };
}
