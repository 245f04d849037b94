import type { ErrorCode } from '@sotto/protocol';

import type { TokenSource } from '../engine/tokens.js';
import type { PresenceMode } from '../history/schema.js';
import type { IdentityPolicy } from '../history/identity-policy.js';
import type { Notice, NoticeCode } from '../history/notice.js';
import type { ReceiptPolicy } from '../history/receipt-policy.js';
import type { Conversation, ConversationSummary, IncomingMessage } from '../conversations/types.js';
import type { Live } from '../live.js';
import type { ExclusiveStorage } from './databases.js';

/** What `createClient` needs. */
export interface ClientOptions {
  /** Origin of the relay, such as `https://chat.example`. */
  relay: string;
  /** The app's id, the `iss` of its tokens. */
  app: string;
  /** The person's name in your app, the `sub` of the token. At most 255 bytes of UTF-8. */
  user: string;
  /**
   * Fetches a login token (JWT) from your backend. Called once at a time, and only when a token is needed. A token of
   * another user or app puts the client into `signed-out` with the code `wrong-user`.
   */
  token: TokenSource;
  /**
   * To whom `delivered` and `read` are told. `answered` (default): only people this user has written to, so that
   * strangers learn nothing. Not affected: what others tell us.
   */
  receipts?: ReceiptPolicy;
  /**
   * When a contact's identity key changes: `inform` (default) shows it in the conversation; `block` also holds back what is
   * sent to that contact until `conversation.acceptIdentity()`. A verified contact always blocks.
   */
  identityChanges?: IdentityPolicy;
  /**
   * Where keys and history live: `indexeddb` (default in browsers), `memory` (default where there is no IndexedDB), or files:
   * `fileStorage(folder)` of `@sotto/sdk/node`.
   */
  storage?: 'indexeddb' | 'memory' | ExclusiveStorage;
  /** Keeps two clients of one user apart within one origin, for demos and tests. */
  profile?: string;
}

/** Each state carries only its own fields. The same in every tab. */
export type ConnectionState =
  | { state: 'connecting' }
  | { state: 'online'; /** Envelopes still to be fetched; 0 when caught up. */ left: number }
  | {
      state: 'offline';
      /** Milliseconds since the epoch of the next try, or null while the browser is offline. */ retryAt: number | null;
      code: ErrorCode | 'network' | 'token-failed';
    }
  | { state: 'signed-out'; code: ErrorCode | 'wrong-user' }
  | {
      state: 'needs-device';
      /** Gives up the user's other devices and starts afresh. Needs a token with `sotto_reset`. */ reset(): Promise<void>;
    }
  | { state: 'storage-failed'; code: 'storage-full' | 'storage-failed' }
  | { state: 'closed' };

/** One user on one device. Open as many as you like, in as many tabs as you like: they share one engine. */
export interface SottoClient {
  readonly user: string;
  /** The direct conversation with a user: a handle, made without waiting. */
  direct(user: string): Conversation;
  /** The 50 most recently active conversations, newest first; {@link loadMoreConversations} adds older ones. */
  readonly conversations: Live<readonly ConversationSummary[]>;
  /** Lists 50 more, or `count`. Resolves with false when all are listed; for lists that somebody listens to. */
  loadMoreConversations(count?: number): Promise<boolean>;
  readonly connection: Live<ConnectionState>;
  /** What the person should know of this device as a whole, until it is dismissed. */
  readonly notices: Live<readonly Notice[]>;
  dismiss(code: NoticeCode): Promise<void>;
  /**
   * Every unread message of others, one at a time and in order within a conversation: what is stored now, then what comes.
   * For bots. Asking for the next one marks the last as read; after a crash that one comes again. Ends when the client is
   * closed.
   *
   *     for await (const { conversation, message } of client.incoming()) await conversation.send(message.text)
   */
  incoming(): AsyncIterableIterator<IncomingMessage>;
  /**
   * Everything that this device has of conversations and messages, as JSON text in UTF-8, streamed: it is read page by page as
   * fast as it is taken. Not in it: keys. The format is described in the SDK's README.
   */
  export(): ReadableStream<Uint8Array>;
  /**
   * `invisible`: nobody learns that this user is online or typing, and this user sees it of nobody. Kept on this device, and
   * the same in every tab.
   */
  setPresence(mode: PresenceMode): Promise<void>;
  readonly presence: Live<PresenceMode>;
  /** Stops this tab's part. What was sent is kept, and goes out from another tab or at the next opening. */
  close(): Promise<void>;
  /** Wipes this device: keys, history, and its registration at the relay (if that can be reached). */
  destroy(): Promise<void>;
}
