import type { Aci } from '@sotto/protocol';

import type { ConnectionStatus } from './connection-status.js';
import type { KnownContent, ReceiptType } from '../content/kinds.js';
import type { MessageStatus, SendFailure, UndecryptableCause } from './message-state.js';
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
  /** Counter per conversation and sending device; 0 where there is none. */
  readonly counter: number;
  readonly body: MessageBody;
}

export type MessageBody =
  | {
      readonly kind: 'text';
      readonly text: string;
      /** The content as it came, byte for byte. */ readonly raw: string | null;
    }
  | { readonly kind: 'unknown'; readonly fallback: string | null; readonly raw: string }
  | { readonly kind: 'undecryptable'; readonly cause: UndecryptableCause }
  | { readonly kind: 'identity-changed' };

/** What waits to be sent. The id is derived from what causes it, so that a replay adds nothing. */
export interface OutboxRow {
  readonly id: string;
  /** Ascending in the order of causes. */
  readonly order: number;
  readonly conversation: string;
  readonly peer: string;
  readonly item: OutboxItem;
}

export type OutboxItem =
  | { readonly type: 'message'; readonly messageId: string; readonly at: number; readonly content: KnownContent }
  /** Merged with others of the same conversation and type into one receipt when it is sealed. */
  | { readonly type: 'receipt'; readonly receipt: ReceiptType; readonly messageId: string }
  /** To own other devices; dropped where there are none. */
  | { readonly type: 'read-mark'; readonly hlc: number; readonly id: string };

/** The engine's words to every tab. */
export interface StatusRow {
  readonly name: 'connection';
  readonly value: ConnectionStatus;
}

/** A tab's wishes to the engine, wherever it runs. */
export interface CommandRow {
  readonly id: string;
  readonly command: 'reset';
}

/** A type alias: an interface would lack the index signature that `Rows` asks for. */
export type HistoryRows = {
  conversations: ConversationRow;
  messages: MessageRow;
  outbox: OutboxRow;
  status: StatusRow;
  commands: CommandRow;
};

export const HISTORY_VERSION = 1;

export const HISTORY_SCHEMA: Schema<HistoryRows> = {
  conversations: { key: ['id'], indexes: { activity: ['activity'] } },
  messages: {
    key: ['conversation', 'user', 'id', 'device'],
    indexes: { position: ['conversation', 'hlc', 'id'], unread: ['conversation', 'unread', 'hlc'] },
  },
  outbox: { key: ['id'], indexes: { order: ['order'] } },
  status: { key: ['name'] },
  commands: { key: ['id'] },
};

export type History = ObservableTables<HistoryRows>;
