import type { MessageStatus, SendFailure, UndecryptableCause } from '../history/message-state.js';
import type { Live } from '../live.js';

export interface MessageBase {
  /** Unique within the conversation. */
  readonly id: string;
  /** Name of the user who wrote it. */
  readonly from: string;
  /** Written by this user (on any device). */
  readonly mine: boolean;
  /** The sender's claim, milliseconds since the epoch. Never used for the order. */
  readonly at: number;
  /** What to show: the text, or a sentence where there is none. */
  readonly text: string;
  readonly unread: boolean;
}

interface Sent {
  /** Of own messages; null for those of others. */
  readonly status: MessageStatus | null;
  /** With `failed`. */
  readonly failure: SendFailure | null;
}

export type Message =
  | (MessageBase & Sent & { readonly kind: 'text' })
  /** Of another kind that this version knows; `data` is its body. */
  | (MessageBase & Sent & { readonly kind: 'content'; readonly type: string; readonly data: object })
  | (MessageBase & { readonly kind: 'undecryptable'; readonly cause: UndecryptableCause })
  | (MessageBase & { readonly kind: 'identity-changed' })
  /** A kind that this version does not know; `text` says so, or is the sender's fallback. */
  | (MessageBase & { readonly kind: 'unknown' });

/** A conversation as the list shows it. */
export interface ConversationSummary {
  readonly id: string;
  /** Name of the other user. */
  readonly user: string;
  readonly last: Message | null;
  readonly unread: number;
}

/** A direct conversation. */
export interface Conversation {
  readonly user: string;
  /**
   * Resolves when the message is stored on this device: it works offline. Watch `messages` for its way on.
   *
   * @throws SottoError `text-empty`, `text-too-long` (32,768 bytes of UTF-8), `storage-full`, `closed`
   */
  send(text: string): Promise<void>;
  /** The newest messages in their order, oldest first. Starts with 100; {@link loadEarlier} adds to it. */
  readonly messages: Live<readonly Message[]>;
  /** Extends `messages` into the past. Resolves with false when there are no earlier ones. */
  loadEarlier(count?: number): Promise<boolean>;
  /**
   * Marks all that is stored now as read, or all up to one message, and tells the senders where receipts allow.
   *
   * @param upTo id of a message that is still unread; any other changes nothing
   */
  markRead(upTo?: string): Promise<void>;
  /** Sends a `failed` message again. */
  retry(messageId: string): Promise<void>;
}

/** What `client.incoming()` yields. */
export interface IncomingMessage {
  readonly conversation: Conversation;
  readonly message: Message;
}
