import { onPage } from '../util/page-events.js';
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

/**
 * The other half of the same tab: the worker of a page, or the page of a worker. It is told twice, and listens once: mostly the
 * straight way is faster than the tabs' channel, which leads through the browser's own process; but right after a key was
 * pressed, Chromium keeps from a page what its worker posts until the next frame.
 */
export interface OtherHalf {
  /** The tab's own, the same in both halves. */
  readonly tab: string;
  tell(said: Announcement): void;
  /** Set by who listens. */
  hear: (said: Announcement) => void;
}

/** One transaction's changes; `tab` and `number` tell it from all others. */
export interface Announcement {
  readonly tab: string | null;
  readonly number: number;
  readonly changes: Footprint;
}

/** @param hear called with what another tab writes, or null where something may have been missed */
export function startAnnouncer(
  name: string,
  hear: (changes: Footprint | null) => void,
  otherHalf: OtherHalf | null = null,
): Announcer {
  const channel = new BroadcastChannel(name);
  const tab = otherHalf?.tab ?? null;
  let isClosed = false;
  let last = 0;
  /** What the other half has said once. */
  const heardOnce = new Set<number>();
  const hearOnce = ({ number, changes }: Announcement): void => {
    if (heardOnce.delete(number)) return;
    heardOnce.add(number);
    hear(changes);
  };
  channel.addEventListener('message', ({ data }: MessageEvent<Partial<Announcement> | null>) => {
    if (!(data?.changes instanceof Map)) hear(null);
    else if (tab !== null && data.tab === tab) hearOnce(data as Announcement);
    else hear(data.changes);
  });
  channel.addEventListener('messageerror', () => hear(null));
  if (otherHalf) otherHalf.hear = hearOnce;
  // A page in the back/forward cache hears nothing, and a frozen one perhaps not all.
  const missed = (): void => {
    heardOnce.clear();
    hear(null);
  };
  const unlisten = [onPage('pageshow', missed), onPage('resume', missed)];
  return {
    // A transaction may be ending while its client is closed.
    tell: (changes) => {
      if (isClosed) return;
      const said: Announcement = { tab, number: ++last, changes };
      otherHalf?.tell(said);
      channel.postMessage(said);
    },
    close: () => {
      isClosed = true;
      channel.close();
      for (const end of unlisten) end();
    },
  };
}
