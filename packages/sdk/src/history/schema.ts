import type { Aci, DeviceId, RegistrationId } from '@sotto/protocol';

import type { Origin } from '../content/kind.js';
import type { ConnectionStatus } from './connection-status.js';
import type { MessageStatus, ResendState, SendFailure, UndecryptableCause } from './message-state.js';
import type { NoticeCode } from './notice.js';
import type { ObservableTables, Schema } from '../storage/tables.js';

/** The only device number that no relay allots: own messages written on this device, also before it has a number. */
export const THIS_DEVICE = 0;

export interface ConversationRow {
  readonly id: string;
  /** Name of the other user; null until a first readable message names it. */
  readonly peer: string | null;
  readonly peerAci: Aci;
  /** 1 once this user has written here: receipts go only to people we answered. */
  readonly answered: 0 | 1;
  /** The last profile of this user that the other one is told of (its `at`); 0: none. */
  readonly profileAt: number;
  /** The largest position stored (pending ones included): orders the list. */
  readonly activity: number;
}

/**
 * A message. Index fields stand apart from `body`, which is opaque to storage. `user`, `id`, `device` and the conversation
 * are the key: a replay meets the row that is already there.
 */
export interface MessageRow {
  readonly conversation: string;
  readonly user: Aci;
  readonly id: string;
  readonly device: number;
  /** See `content/position.ts`; above MAX_HLC while pending. */
  readonly hlc: number;
  readonly at: number;
  readonly unread: 0 | 1;
  readonly status: MessageStatus | null;
  readonly failure: SendFailure | null;
  readonly body: MessageBody;
  /** What effects have noted on it, by their kinds' names. */
  readonly notes: Readonly<Record<string, unknown>>;
}

export type MessageBody =
  | {
      readonly kind: 'content';
      /** Name of the content's kind, which this version need not know; `data` is its body. */
      readonly type: string;
      readonly data: object;
      readonly fallback: string | null;
      /** The content as it came, byte for byte; null for what this device wrote itself. */
      readonly raw: string | null;
    }
  | { readonly kind: 'undecryptable'; readonly cause: UndecryptableCause; readonly resend: ResendState }
  /** Contents of one device that never came. */
  | {
      readonly kind: 'missing';
      /** Asked for. */ readonly asked: number;
      /** Counters of those that cannot be had. */ readonly lost: readonly number[];
    }
  | { readonly kind: 'identity-changed' };

/** What waits to be sent. The id is derived from what causes it, so that a replay adds nothing. */
export interface OutboxRow {
  readonly id: string;
  /** Ascending in the order of causes. */
  readonly order: number;
  readonly conversation: string;
  readonly peer: string;
  /** Name of the content's kind; `body` is what that kind wants. Rows of one kind may leave merged. */
  readonly kind: string;
  readonly body: object;
  /** When it was caused: the sender's claim of when it was written. */
  readonly at: number;
  /** The message row that it sends, whose id it takes; null for effects, whose id is derived from their rows. */
  readonly messageId: string | null;
  /** One device, instead of those that the kind names. */
  readonly only: DeviceRef | null;
  /** Of a content that was sent before and comes again: what stays as it was. */
  readonly resend: ResendOf | null;
  /** Counters of contents sent to `only` that this answers: it goes out if one of them has not been answered yet. */
  readonly answers: readonly number[];
}

export interface DeviceRef {
  readonly user: Aci;
  readonly device: DeviceId;
  readonly registration: RegistrationId;
}

export interface ResendOf {
  readonly message: string;
  readonly hlc: number;
  readonly counter: number;
  /** Id of the envelope that could not be read, base64url. */
  readonly envelope: string;
}

/** Something that the person should know of this device as a whole. */
export interface NoticeRow {
  readonly code: NoticeCode;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** One message's share of an effect that came before the message itself. */
export interface WaitingEffectRow {
  readonly conversation: string;
  /** The message: its author and id. */
  readonly user: Aci;
  readonly id: string;
  readonly kind: string;
  /** Id of the effect's content. */
  readonly effect: string;
  readonly origin: Origin;
  readonly part: object;
  /** When it came, for forgetting the oldest. */
  readonly at: number;
}

/** A message of a kind that was not known when it came: a version that knows the kind looks at it again. */
export interface UnknownRow {
  readonly kind: string;
  /** The key of its row. */
  readonly conversation: string;
  readonly user: Aci;
  readonly id: string;
  readonly device: number;
}

/**
 * A user's identity as people see it: the public key that is written to and heard from, and what the person has said of it.
 * The engine keeps the key, tabs keep the person's word. This user's own key has a row too.
 */
export interface IdentityRow {
  readonly user: Aci;
  /** 33 bytes, public. */
  readonly identityKey: Uint8Array;
  /** The person has compared safety numbers under this very key. */
  readonly verified: 0 | 1;
  /** When the person last verified or unverified a key of this user, 0 if never; grows. */
  readonly markedAt: number;
  /** When this key took the place of another that the person knew, until they accept it; null otherwise. */
  readonly changedAt: number | null;
  /** With `changedAt`: the key before was verified. */
  readonly wasVerified: 0 | 1;
  /** 1: nothing is sent to this user until the person accepts the key. */
  readonly held: 0 | 1;
}

/** What a user calls themselves; this user has a row too. */
export interface ProfileRow {
  readonly user: Aci;
  /** As it is shown; null: nothing. */
  readonly name: string | null;
  /** When they said so, by their clock; grows. */
  readonly at: number;
}

/** When a user was last online, as far as this device has seen. */
export interface LastSeenRow {
  readonly user: Aci;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What the person has set on this device, for all tabs and the engine. */
export interface SettingRow {
  readonly name: 'presence';
  readonly value: PresenceMode;
}

/** `invisible`: tells nobody of this user, and sees nobody. */
export type PresenceMode = 'visible' | 'invisible';

/** The engine's words to every tab. */
export interface StatusRow {
  readonly name: 'connection';
  readonly value: ConnectionStatus;
  /** Of the engine that wrote it; 0 where there was none. */
  readonly epoch: number;
}

/** This device has had keys: a vault without them has lost them, and must not quietly make new ones. */
export interface KeysRow {
  readonly name: 'keys';
}

/**
 * Envelopes of the last batch that history holds and the vault may not: should their session be forgotten in between, they were
 * read all the same.
 */
export interface AppliedRow {
  readonly name: 'last';
  /** `sender.device.id` of each. */
  readonly envelopes: readonly string[];
}

/** A tab's wishes to the engine, wherever it runs. */
export type Command =
  | { readonly command: 'reset' }
  /** A sealed bundle for one further device; `publicKey` is the asking tab's, for the answer. */
  | { readonly command: 'make-link'; readonly publicKey: Uint8Array }
  /** Becomes the device that the bundle is for; sealed for the engine's key. */
  | { readonly command: 'link'; readonly box: Uint8Array }
  /** The identity of somebody who was never met. */
  | { readonly command: 'look-up'; readonly user: Aci }
  | { readonly command: 'remove-device'; readonly device: DeviceId; readonly registration: RegistrationId };

export type CommandRow = Command & { readonly id: string };

/** What came of a command; the tab that asked deletes it. */
export interface AnswerRow {
  readonly id: string;
  readonly result: Uint8Array;
  readonly code: AnswerCode | null;
}

export type AnswerCode =
  'relay-unreachable' | 'identity-unknown' | 'link-invalid' | 'device-unknown' | 'storage-full' | 'storage-failed';

/** One of this user's devices, as `client.devices` shows it. */
export interface DeviceRow {
  readonly device: number;
  readonly registration: number;
  readonly name: string | null;
  /** 0: it has said its name, but this device has not seen it on the list yet. */
  readonly listed: 0 | 1;
  readonly current: 0 | 1;
  /** Milliseconds since the epoch; null where the relay does not say. */
  readonly createdAt: number | null;
  readonly lastSeenAt: number | null;
  readonly expiresAt: number | null;
}

/** A type alias: an interface would lack the index signature that `Rows` asks for. */
export type HistoryRows = {
  conversations: ConversationRow;
  messages: MessageRow;
  outbox: OutboxRow;
  waitingEffects: WaitingEffectRow;
  unknown: UnknownRow;
  identities: IdentityRow;
  profiles: ProfileRow;
  lastSeen: LastSeenRow;
  settings: SettingRow;
  status: StatusRow;
  hadKeys: KeysRow;
  applied: AppliedRow;
  notices: NoticeRow;
  commands: CommandRow;
  answers: AnswerRow;
  devices: DeviceRow;
};

/** 2: `unknown`. */
export const HISTORY_VERSION = 2;

export const HISTORY_SCHEMA: Schema<HistoryRows> = {
  conversations: { key: ['id'], indexes: { activity: ['activity'] } },
  messages: {
    key: ['conversation', 'user', 'id', 'device'],
    indexes: {
      position: ['conversation', 'hlc', 'id'],
      unread: ['conversation', 'unread', 'hlc'],
      waiting: ['unread', 'conversation', 'hlc'],
    },
  },
  outbox: { key: ['id'], indexes: { order: ['order'] } },
  waitingEffects: {
    key: ['conversation', 'user', 'id', 'kind', 'effect'],
    indexes: { at: ['conversation', 'at'] },
  },
  unknown: { key: ['kind', 'conversation', 'user', 'id', 'device'] },
  identities: { key: ['user'], indexes: { held: ['held'] } },
  profiles: { key: ['user'] },
  lastSeen: { key: ['user'] },
  settings: { key: ['name'] },
  status: { key: ['name'] },
  hadKeys: { key: ['name'] },
  applied: { key: ['name'] },
  notices: { key: ['code'] },
  commands: { key: ['id'] },
  answers: { key: ['id'] },
  devices: { key: ['device'] },
};

export type History = ObservableTables<HistoryRows>;
