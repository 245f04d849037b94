import type {
  Aci,
  AppId,
  DeviceId,
  Envelope,
  KemPreKey,
  OneTimePreKey,
  PreKeyCounts,
  RegistrationId,
  SignedDeviceList,
  SignedPreKey,
} from '@sotto/protocol';

import type { Silence } from '../directory/inactivity.js';
import type { DeviceAddress, MailboxId } from '../mailbox/mailbox-id.js';
import type { AppStore } from './app-store.js';

/** How much a mailbox holds before it refuses (`mailbox-full`). One sending user gets at most a tenth of both. */
export interface Quota {
  envelopes: number;
  bytes: number;
}

/** One `submit` inside a batch: who sent it, under which envelope id, and against which device lists. */
export interface BatchSubmit {
  sender: DeviceAddress;
  /** 16 bytes. */
  id: Uint8Array;
  /** The list versions that must be current for the submit to count at all; 0 means "no list". */
  lists: { user: Aci; version: number }[];
}

/** One recipient device of one submit. */
export interface BatchItem {
  /** Index into `submits`. */
  submit: number;
  /** Index into `payloads`. */
  payload: number;
  mailbox: MailboxId;
  /** 16 bytes; no two items of a batch share mailbox and digest. */
  digest: Uint8Array;
}

/** The highest count of sealings that a device has sent with its submits. */
export interface SealingCount {
  user: Aci;
  /** The sender's own. */
  mailbox: MailboxId;
  count: number;
}

export interface SubmitBatch {
  /** Milliseconds since the epoch: when these envelopes count as stored. */
  now: number;
  quota: Quota;
  /** No mailbox twice. Noted whatever becomes of the items. */
  sealings: SealingCount[];
  submits: BatchSubmit[];
  payloads: Uint8Array[];
  items: BatchItem[];
}

/** `stale`: a list version of the item's submit is not current any more, so nothing of that submit was stored. */
export type ItemOutcome =
  { outcome: 'stored'; seq: number } | { outcome: 'duplicate' | 'mailbox-full' | 'device-gone' | 'stale' };

export interface AckItem {
  mailbox: MailboxId;
  seq: number;
  /** Envelope id at `seq`, 16 bytes. */
  id: Uint8Array;
}

export interface MailboxState {
  address: DeviceAddress;
  /** Highest seq assigned. */
  head: number;
  acked: { seq: number; id: Uint8Array | null };
  /** The highest that the device has ever sent with a submit. */
  sealings: number;
  /** Lowest seq held; head + 1 when empty. */
  first: number;
}

export interface MailboxPage {
  first: number;
  head: number;
  envelopes: Envelope[];
}

export interface MailboxStore {
  /**
   * How many batches of submits are worth having under way: more than one where the next can be on its way to a database
   * while one is committed, one where it would only wait instead of growing.
   */
  readonly depth: number;
  /** Resolves when a batch is best begun; at once where there is none. */
  readonly gather?: () => Promise<void>;

  /**
   * Stores a batch in one transaction, every item with its own outcome, in the order of `items`. Seqs of a mailbox are
   * 1, 2, 3 ... without gaps and become visible in order, also with several nodes writing at once. Counts of sealings only
   * ever grow.
   */
  submit(app: AppId, batch: SubmitBatch): Promise<ItemOutcome[]>;

  /**
   * Deletes everything up to `seq` in each mailbox (no mailbox twice). `false`: above the head, another envelope stands
   * at `seq`, or there is no such mailbox; then nothing of that mailbox changes.
   */
  ack(app: AppId, items: AckItem[]): Promise<boolean[]>;

  mailbox(app: AppId, mailbox: MailboxId): Promise<MailboxState | null>;

  /** What stands at `seq`: the envelope id, or null when nothing does. */
  envelopeIdAt(app: AppId, mailbox: MailboxId, seq: number): Promise<Uint8Array | null>;

  /** The next envelopes after `after`, in order: at most `envelopes`, and `bytes` unless a single one is larger. */
  read(app: AppId, mailbox: MailboxId, after: number, limit: Quota): Promise<MailboxPage | null>;

  /** How far those of the mailboxes reach that exist. */
  heads(app: AppId, mailboxes: MailboxId[]): Promise<Map<MailboxId, MailboxHead>>;
}

export interface MailboxHead {
  /** The highest assigned seq. */
  head: number;
  /** Version of the user's device list; 0: this device is not on it. */
  list: number;
}

export interface DeviceRecord {
  device: DeviceId;
  registration: RegistrationId;
  mailbox: MailboxId;
  /** SHA-256, 32 bytes each. */
  secretHash: Uint8Array;
  attemptHash: Uint8Array;
  /** On the user's device list: only then does it receive anything. */
  listed: boolean;
  createdAt: number;
  /** Days since the epoch, UTC: when it last connected. */
  seenDay: number;
  /** The day from which on the user's other devices were told that it will go; it counts no more when the device was seen since. */
  warnedDay: number | null;
  /** When it was removed, or null. Removed devices are remembered so that they can be told, and ids not reused. */
  removedAt: number | null;
}

export interface UserState {
  identityKey: Uint8Array | null;
  list: SignedDeviceList | null;
  /** 0 while there is no list. */
  listVersion: number;
  nextListVersion: number;
  devices: DeviceRecord[];
  /** Hashes of link tokens that nobody has used yet. */
  linkTokens: { hash: Uint8Array; expiresAt: number }[];
  /** Hashes of reset tokens that were used. */
  resets: Uint8Array[];
}

/** What a decision about a user changes; fields that are absent stay as they are. */
export interface UserChange {
  identityKey?: Uint8Array;
  list?: { signed: SignedDeviceList; version: number } | null;
  nextListVersion?: number;
  add?: DeviceRecord;
  /** Their mailboxes, envelopes and prekeys go with them. */
  remove?: { mailboxes: MailboxId[]; at: number };
  /** Devices that are on the list from now on. */
  listed?: MailboxId[];
  seen?: { mailbox: MailboxId; day: number };
  addLinkToken?: { hash: Uint8Array; expiresAt: number };
  useLinkToken?: Uint8Array;
  useReset?: { hash: Uint8Array; expiresAt: number };
}

export interface StoredList {
  version: number;
  signed: SignedDeviceList;
  /** Those that are on the list and registered: a device that was removed stays on the signed list until the next one. */
  living: { device: DeviceId; registration: RegistrationId }[];
}

/** A listed device that has not connected for a while. */
export interface QuietDevice extends DeviceAddress {
  mailbox: MailboxId;
  seenDay: number;
  warnedDay: number | null;
}

export interface PreKeyUpload {
  signedPreKey?: SignedPreKey | undefined;
  lastResortKemPreKey?: KemPreKey | undefined;
  oneTimePreKeys: OneTimePreKey[];
  kemPreKeys: KemPreKey[];
  replace: boolean;
}

export interface StoredBundle {
  signedPreKey: SignedPreKey;
  kemPreKey: KemPreKey;
  oneTimePreKey: OneTimePreKey | null;
  /** What is left after this fetch, and whether it used up a key. */
  left: PreKeyCounts;
  took: boolean;
}

export interface DirectoryStore {
  user(app: AppId, user: Aci): Promise<UserState | null>;

  /** The current lists of those of the users that have one. */
  lists(app: AppId, users: Aci[]): Promise<Map<Aci, StoredList>>;

  /**
   * Reads a user under a lock, lets `decide` (pure, may throw to refuse) say what changes, and writes that in the same
   * transaction. A user that does not exist yet is passed as an empty state and created by a change.
   */
  updateUser<T>(
    app: AppId,
    user: Aci,
    decide: (state: UserState) => { change: UserChange | null; result: T },
  ): Promise<T>;

  /** Notes the day on which these devices connected, if it is later than the one noted. Rows that are locked may be left out. */
  seen(app: AppId, devices: readonly { user: Aci; mailbox: MailboxId }[], day: number): Promise<void>;

  /** The listed devices of these users that were last seen before a day. */
  quiet(app: AppId, users: readonly Aci[], before: number): Promise<QuietDevice[]>;

  /**
   * Adds prekeys. A one-time key that was handed out never comes back, whatever is uploaded again.
   *
   * @returns the counts afterwards, or null when there is no such device
   */
  putPreKeys(app: AppId, mailbox: MailboxId, upload: PreKeyUpload, now: number): Promise<PreKeyCounts | null>;

  /** Makes a bundle; a one-time key in it is deleted and belongs to this caller alone. Null: no prekeys published. */
  takeBundle(app: AppId, mailbox: MailboxId, options: { oneTime: boolean; now: number }): Promise<StoredBundle | null>;

  preKeyCounts(app: AppId, mailbox: MailboxId): Promise<PreKeyCounts>;
}

export interface SweepPolicy {
  now: number;
  /** Unacknowledged envelopes older than this are deleted. Milliseconds. */
  retentionMs: number;
  /** The same for the apps that have a time of their own. */
  retentionMsOf?: ReadonlyMap<AppId, number>;
  /** Dedupe keys are kept at least this long after their acknowledgement. Milliseconds. */
  dedupeMs: number;
}

/** One app, or all but some; nothing said: all. */
export interface AppScope {
  only?: AppId;
  except?: AppId[];
}

/** Days since the epoch, UTC. */
export interface Warning {
  /** Devices that were last seen before it are announced. */
  before: number;
  /** Today. */
  day: number;
}

/** Everything that the relay holds for an app, for `--dev` only. */
export interface Inspection {
  devices: (DeviceAddress & { identityKey: Uint8Array; preKeys: PreKeyCounts; mailbox: MailboxId })[];
  envelopes: { mailbox: DeviceAddress; envelope: Envelope }[];
}

/**
 * The relay's memory. Every method is keyed by the app; no statement crosses apps. Failures are {@link StoreError}s.
 */
export interface Store extends MailboxStore, DirectoryStore {
  apps: AppStore;
  /** 32 random bytes, made once per store and shared by all nodes: keys for dedupe digests and device secrets. */
  relayKey(): Promise<Uint8Array>;
  /** Deletes what has expired, in every app. */
  sweep(policy: SweepPolicy): Promise<{ expired: number }>;
  /**
   * Notes the day from which on devices are announced as silent: of every app, those last seen before a day that are not announced
   * yet, at most `limit` of them. Rows that are locked may be left out.
   *
   * @returns how many it noted
   */
  warned(warning: Warning, limit: number, apps?: AppScope): Promise<number>;
  /** Users, of every app, that have a device to be removed for its silence: see `directory/inactivity.ts`. */
  inactive(silence: Silence, limit: number, apps?: AppScope): Promise<{ app: AppId; user: Aci }[]>;
  inspect(app: AppId): Promise<Inspection>;
  /** The store's own clock, milliseconds since the epoch. Rejects when the store cannot serve. */
  time(): Promise<number>;
  /** Whether its tables are as this relay needs them: an older copy that was put back under a running relay has others. */
  migrated(): Promise<boolean>;
  /**
   * Calls `listener` when a database answers that may be another one than before and know less: look at what was told of.
   * Absent: it is always the same.
   */
  onMoved?: (listener: () => void) => void;
  /** Envelopes held in all mailboxes together: what nobody has acknowledged yet. */
  held(): Promise<number>;
  close(): Promise<void>;
}

/**
 * - `conflict`: deadlock or serialization failure; the same call may succeed (PostgreSQL 40P01, 40001).
 * - `unavailable`: the store cannot be reached; the call may or may not have happened.
 * - `failed`: this very call cannot succeed.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: 'conflict' | 'unavailable' | 'failed';

  constructor(code: 'conflict' | 'unavailable' | 'failed', cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.code = code;
  }
}
