import type { ErrorCode } from '@sotto/protocol';

import type { TokenSource } from '../engine/tokens.js';
import type { PresenceMode } from '../history/schema.js';
import type { IdentityPolicy } from '../history/identity-policy.js';
import type { Notice, NoticeCode } from '../history/notice.js';
import type { ReceiptPolicy } from '../history/receipt-policy.js';
import type { Conversation, ConversationSummary, IncomingMessage, Profile } from '../conversations/types.js';
import type { StorageFailure } from '../history/connection-status.js';
import type { StorageInfo } from './storage-info.js';
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
   * Fetches a login token (JWT) from your backend. Called once at a time, and only when a token is needed; a call that has not
   * answered within a minute has failed. A token of another user or app puts the client into `signed-out` with the code
   * `wrong-user`.
   */
  token: TokenSource;
  /**
   * To whom `delivered` and `read` are told. `answered` (default): only people this user has written to, so that
   * strangers learn nothing. Not affected: what others tell us.
   */
  receipts?: ReceiptPolicy;
  /**
   * When a contact's identity key changes: `inform` (default) shows it in the conversation; `block` also holds back what is
   * sent to that contact until `conversation.acceptIdentity(key)`. A verified contact always blocks.
   */
  identityChanges?: IdentityPolicy;
  /**
   * Where keys and history live: `indexeddb` (default in browsers), `memory` (default where there is no IndexedDB), or files:
   * `fileStorage(folder)` of `@sotto/sdk/node`.
   */
  storage?: 'indexeddb' | 'memory' | ExclusiveStorage;
  /**
   * Starts a module worker from `@sotto/sdk/engine-worker`, in which keys and network are worked with: off the thread that
   * draws the page, so that messages leave sooner and nothing they need is felt. Called once, and again when a frozen page wakes
   * or a worker has fallen silent, as one does that the browser has ended. Where the worker cannot be started (a policy of the
   * page, a file that is not there), and where this is not given, the page does it. Only with `indexeddb`.
   */
  worker?: () => Worker;
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
      /** Why the last try to become one failed: `link-token-invalid`, `device-limit`, `reset-refused` ... */
      code: ErrorCode | null;
      /**
       * Becomes a further device with what `exportDevice` gave on another one.
       *
       * @throws SottoError `wrong-passphrase`, `link-invalid`, `relay-unreachable`, `timed-out`
       */
      link(sealed: Uint8Array, passphrase: string): Promise<void>;
      /** Gives up the user's other devices and starts afresh. Needs a token with `sotto_reset`. */ reset(): Promise<void>;
    }
  | {
      state: 'storage-failed';
      /**
       * `storage-full`: goes on by itself when there is room again. `keys-lost`: the browser has deleted or damaged this
       * device's keys; what is stored can be read, and `destroy()` makes a fresh start possible.
       */
      code: StorageFailure;
    }
  | { state: 'closed' };

/** One of this user's devices. */
export interface Device {
  readonly id: string;
  /** What it calls itself; null until it does. Encrypted for this user's devices. */
  readonly name: string | null;
  /** The one that this client runs on. */
  readonly current: boolean;
  /** Milliseconds since the epoch; null where the relay does not say. */
  readonly createdAt: number | null;
  /** The day on which it last connected, as the relay notes it. */
  readonly lastActivity: number | null;
  /** When the relay will remove it, unless it connects before. */
  readonly expiresAt: number | null;
}

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
  /** This user's devices. */
  readonly devices: Live<readonly Device[]>;
  /** What this user says of themselves. */
  readonly profile: Live<Profile>;
  /**
   * Says it on all devices, and to those whom this user has written to, now and in future: end-to-end encrypted. Strangers who
   * write first learn nothing before they are answered.
   *
   * @throws SottoError `profile-name`, `storage-full`, `closed`
   */
  setProfile(profile: Profile): Promise<void>;
  /** Names this device, for this user's others. @throws SottoError `device-name`, `device-unknown` */
  renameDevice(name: string): Promise<void>;
  /**
   * Takes another device off the list: it gets nothing more, and wipes itself when it hears of that. A lost device still
   * holds the identity key.
   *
   * @throws SottoError `device-unknown`, `relay-unreachable`, `timed-out`
   */
  removeDevice(id: string): Promise<void>;
  /**
   * What another browser needs to become a further device: this user's identity and a token that is good once, for ten
   * minutes, sealed by the passphrase. Takes a second or two. No history goes along.
   *
   * @throws SottoError `wrong-passphrase` for an empty one, `relay-unreachable`, `timed-out`
   */
  exportDevice(passphrase: string): Promise<Uint8Array>;
  /**
   * Every unread message of others, one at a time and in order within a conversation: what is stored now, then what comes.
   * For bots. Asking for the next one marks the last as read; after a crash that one comes again. Ends when the client is
   * closed.
   *
   *     for await (const { conversation, message } of client.incoming()) await conversation.send(message.text)
   */
  incoming(): AsyncIterableIterator<IncomingMessage>;
  /**
   * Everything that this device has stored of its user, as JSON text in UTF-8, streamed: conversations and messages, contacts and
   * whom the person has verified, devices, profile, settings and notices. It is read page by page as fast as it is taken. Not in
   * it: secret keys. The format stands in the guide on exports. It fails with `relay-unreachable` in a page that has not been
   * online for some seconds since it was loaded: the part of the SDK that makes exports is fetched then.
   */
  export(): ReadableStream<Uint8Array>;
  /**
   * `invisible`: nobody learns that this user is online or typing, and this user sees it of nobody. Kept on this device, and
   * the same in every tab.
   */
  setPresence(mode: PresenceMode): Promise<void>;
  readonly presence: Live<PresenceMode>;
  /** What the browser grants. The first `send()` in a tab asks it not to delete keys and history when space runs short. */
  storage(): Promise<StorageInfo>;
  /** Stops this tab's part. What was sent is kept, and goes out from another tab or at the next opening. */
  close(): Promise<void>;
  /** Wipes this device: keys, history, and its registration at the relay (if that can be reached). */
  destroy(): Promise<void>;
}
