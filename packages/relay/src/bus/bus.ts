import type { MailboxId } from '../mailbox/mailbox-id.js';
import type { TopicChannel } from '../topics/topic-channel.js';

/** A mailbox, heard by whoever holds its socket; a topic, by every node with a subscription of it; `apps`, by every node. */
export type Channel = MailboxId | TopicChannel | 'apps';

/**
 * What nodes tell each other, as bytes: see `mailbox/ring.ts` and `topics/topic-signal.ts` for their meaning. On `apps`
 * any message says that the apps have changed.
 */
export type BusListener = (message: Uint8Array) => void;

/**
 * Fire and forget between nodes. It may lose, repeat or reorder anything without harm: the mailbox is the truth, and
 * `seq` shows the gap; topics promise nothing; changes of apps are looked for anyway.
 */
export interface Bus {
  /** Never rejects; what cannot be sent is lost. */
  publish(channel: Channel, message: Uint8Array): void;
  /** Resolves when messages published from now on arrive; what it yields ends the subscription. */
  subscribe(channel: Channel, listener: BusListener): Promise<() => void>;
  /** Calls `listener` when messages may have been lost (a connection was renewed): read the mailboxes. */
  onGap(listener: () => void): void;
  /** Rejects when the bus cannot serve. */
  check(): Promise<void>;
  close(): Promise<void>;
}
