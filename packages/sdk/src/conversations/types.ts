import type { MessageStatus, ResendState, SendFailure, UndecryptableCause } from '../history/message-state.js';
import type { Presence } from '../presence/screen.js';
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

/** One entry of a conversation. `text` is there for every kind, so that a simple view needs no other field. */
export type Message =
  | (MessageBase & Sent & { readonly kind: 'text' })
  /** Of another kind that this version knows; `data` is its body. */
  | (MessageBase & Sent & { readonly kind: 'content'; readonly type: string; readonly data: object })
  /** Replaced by the message itself when its sender has sent it again. */
  | (MessageBase & {
      readonly kind: 'undecryptable';
      readonly cause: UndecryptableCause;
      readonly resend: ResendState;
    })
  /** So many messages never arrived: `asked` for again, or `lost` for good. */
  | (MessageBase & { readonly kind: 'missing'; readonly asked: number; readonly lost: number })
  | (MessageBase & { readonly kind: 'identity-changed' })
  /** A kind that this version does not know; `text` says so, or is the sender's fallback. */
  | (MessageBase & { readonly kind: 'unknown' });

/** A conversation as the list shows it. */
export interface ConversationSummary {
  readonly id: string;
  /** The other user's name in your app: who it is. */
  readonly user: string;
  /** What they call themselves, if they do: never instead of `user`, as nobody vouches for it. */
  readonly name: string | null;
  readonly last: Message | null;
  readonly unread: number;
}

/** What a user says of themselves. */
export interface Profile {
  /** One line without control and direction characters, 1 to 64 characters; null: none. */
  readonly name: string | null;
}

/** What lies beyond the messages that are loaded. */
export interface Edges {
  readonly earlier: boolean;
  readonly later: boolean;
}

/** Where `jumpTo` goes. */
export type JumpTarget =
  | { readonly to: 'message'; readonly id: string }
  /** The first message at or after a time, milliseconds since the epoch; the newest if there is none. */
  | { readonly to: 'time'; readonly at: number }
  | { readonly to: 'first-unread' }
  | { readonly to: 'newest' };

/** What is known of the other user's identity key. */
export type IdentityState =
  /** Nothing yet: it is trusted when it is first seen. */
  | { readonly state: 'unknown' }
  | { readonly state: 'unverified' }
  /** The person has compared safety numbers, and the key is still that one. */
  | { readonly state: 'verified' }
  | {
      readonly state: 'changed';
      /** Names the new key, for `acceptIdentity()`. */
      readonly key: string;
      /** Milliseconds since the epoch. */
      readonly at: number;
      /** The key before had been verified. */
      readonly wasVerified: boolean;
      /** What is sent waits on this device until `acceptIdentity()` or a successful `verify()`. */
      readonly held: boolean;
    };

/** A safety number: the same on both sides if, and only if, nobody stands between them. */
export interface SafetyNumber {
  /** 60 digits. */
  readonly digits: string;
  /** The same in twelve groups of five, for people to read out. */
  readonly groups: readonly string[];
  /** For a QR code, in binary mode; what was scanned from the other device goes to `verify()`. */
  readonly scannable: Uint8Array;
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
  /**
   * A stretch of the conversation in its order, oldest first. Starts with the newest 50 and follows them;
   * {@link loadEarlier}, {@link loadLater} and {@link jumpTo} move it. Never more than 500: what lies far away is left behind.
   */
  readonly messages: Live<readonly Message[]>;
  /** Whether there are messages before and after those of `messages`; kept up to date while somebody listens to that. */
  readonly edges: Live<Edges>;
  /** Extends `messages` into the past, by 50 unless said otherwise. Resolves with false when there are no earlier ones. */
  loadEarlier(count?: number): Promise<boolean>;
  /** Extends `messages` towards the newest. Resolves with false when they are there already. */
  loadLater(count?: number): Promise<boolean>;
  /**
   * Moves `messages` to where the target is, with some before and after it. Resolves with the message's id, or null when there
   * is none: then nothing moves.
   */
  jumpTo(target: JumpTarget): Promise<string | null>;
  /**
   * Marks all that is stored now as read, or all up to one message, and tells the senders where receipts allow.
   *
   * @param upTo id of a message that is still unread; any other changes nothing
   */
  markRead(upTo?: string): Promise<void>;
  /** Sends a `failed` message again. */
  retry(messageId: string): Promise<void>;
  /**
   * Whether the other user is there and typing. Listening to it says that this conversation is on screen (at most 50 are, in all
   * tabs together), which is what the other side is told: presence is mutual, end-to-end encrypted, and only for people whom
   * this user has answered (unless `receipts` is `always`). Nothing is told while the page is hidden.
   */
  readonly presence: Live<Presence>;
  /** To be called with each key pressed: tells the other side, at most every 3 s, until 5 s after the last one or `send`. */
  typing(): void;
  /** What the other user says of themselves. They could call themselves anything: keep showing `user` beside it. */
  readonly profile: Live<Profile>;
  readonly identity: Live<IdentityState>;
  /**
   * The safety number of this conversation, to be compared over another channel. Takes a tenth of a second. The identity of
   * somebody who was never met is fetched first, and from then on trusted as after a first message.
   *
   * @throws SottoError `identity-unknown` when the other user has no device, `relay-unreachable`, `timed-out`
   */
  safetyNumber(): Promise<SafetyNumber>;
  /**
   * Marks the other user as verified, if what was compared belongs to the keys of this moment. The mark ends with the key.
   *
   * @param compared the 60 digits that the person has compared (spaces do not matter), or the bytes scanned from the other
   *   device's code
   * @returns whether it fits; if not, nothing has changed
   * @throws SottoError as `safetyNumber()`
   */
  verify(compared: string | Uint8Array): Promise<boolean>;
  /** Takes the mark back. */
  unverify(): Promise<void>;
  /**
   * Goes on with a changed identity without comparing: what was held back is sent. What was written before the change is not.
   *
   * @param key of the state `changed` that the person was shown: only that one is accepted
   * @returns whether it is still that key; if not, nothing has changed, and `identity` says what is new
   */
  acceptIdentity(key: string): Promise<boolean>;
}

/** What `client.incoming()` yields. */
export interface IncomingMessage {
  readonly conversation: Conversation;
  readonly message: Message;
}
