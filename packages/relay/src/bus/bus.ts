import type { MailboxId } from '../mailbox/mailbox-id.js';

/** What a node tells whoever holds a mailbox's socket, as bytes: see `ring.ts` for their meaning. */
export type BusListener = (message: Uint8Array) => void;

/**
 * Fire and forget between nodes. It may lose, repeat or reorder anything without harm: the mailbox is the truth, and
 * `seq` shows the gap. A channel is a mailbox.
 */
export interface Bus {
  /** Never rejects; what cannot be sent is lost. */
  publish(mailbox: MailboxId, message: Uint8Array): void;
  /** Resolves when messages published from now on arrive; what it yields ends the subscription. */
  subscribe(mailbox: MailboxId, listener: BusListener): Promise<() => void>;
  /** Calls `listener` when messages may have been lost (a connection was renewed): read the mailboxes. */
  onGap(listener: () => void): void;
  /** Rejects when the bus cannot serve. */
  check(): Promise<void>;
  close(): Promise<void>;
}
