import type { KeyPair } from '@sotto/crypto';
import type { Aci, DeviceId, RegistrationId } from '@sotto/protocol';

import type { UndecryptableCause } from '../history/message-state.js';
import type { Schema, Tables } from '../storage/tables.js';

/** How far this device's registration has come; each step can be repeated after a crash. */
export type IdentityRow = {
  readonly name: 'identity';
  readonly identityKeyPair: KeyPair;
  /** Signs this device's prekeys. */
  readonly signingKeyPair: KeyPair;
  /** 32 bytes: makes a registration whose answer was lost repeatable. */
  readonly attempt: Uint8Array;
} &
  /** `linkToken`: this is to be a further device of a user whose identity was taken over from another. */
  (
    | { readonly stage: 'new'; readonly linkToken: Uint8Array | null }
    | {
        /** `registered`: has a number. `listed`: prekeys published and on the signed device list: others can write. */
        readonly stage: 'registered' | 'listed';
        readonly device: DeviceId;
        readonly registration: RegistrationId;
        readonly secret: Uint8Array;
        readonly nextListVersion: number;
      }
  );

/** Leadership epoch: every vault transaction checks that it is still the current one. */
export interface EpochRow {
  readonly name: 'epoch';
  readonly epoch: number;
}

/** The last envelope whose effects are committed. */
export interface CursorRow {
  readonly name: 'cursor';
  readonly seq: number;
  readonly id: Uint8Array | null;
}

/** Next id of each prekey kind, and when signed and last-resort prekeys were made (ms). */
export interface PreKeyStateRow {
  readonly name: 'prekeys';
  readonly nextId: number;
  readonly rotatedAt: number;
}

/** Milliseconds to add to this device's clock to get the relay's. */
export interface ClockRow {
  readonly name: 'clock';
  readonly offset: number;
}

/** Envelopes below this seq have expired at the relay, and have been asked for. */
export interface ExpiredRow {
  readonly name: 'expired';
  readonly upTo: number;
}

/** How many times this device has sealed: see `engine/sealings.ts`. */
export interface SealingsRow {
  readonly name: 'sealings';
  readonly count: number;
}

export type MetaRow = IdentityRow | EpochRow | CursorRow | PreKeyStateRow | ClockRow | ExpiredRow | SealingsRow;

/** Private half of a prekey. */
export interface PreKeyRow {
  readonly kind: 'one-time' | 'signed' | 'kem' | 'last-resort';
  readonly id: number;
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
  readonly createdAt: number;
  /** When a newer one took its place (signed and last-resort only): kept for the envelopes still under way. */
  readonly replacedAt: number | null;
  /** 0 until the relay confirmed it: such keys are uploaded again rather than made anew. */
  readonly uploaded: 0 | 1;
}

/** A handshake accepted on a last-resort key: a repeat of it is refused. */
export interface AcceptedHandshakeRow {
  readonly kem: number;
  readonly signed: number;
  /** Base64url. */
  readonly baseKey: string;
  readonly at: number;
}

/** How many contents went each way between two registrations, whatever sessions carried them: what is missing shows. */
export interface ContentCounters {
  /** Contents sealed for the device so far. */
  readonly sent: number;
  /** The largest counter that came from it. */
  readonly received: number;
  /** What did not come below `received`: ranges, both ends included, ascending. */
  readonly missing: readonly (readonly [number, number])[];
}

/** The current session with one device. Compare-and-set on `version` keeps two engines from forking a ratchet. */
export interface SessionRow {
  readonly user: Aci;
  readonly device: number;
  readonly version: number;
  /** Registration id of the remote device that the current session was made with. */
  readonly registration: number;
  readonly current: Uint8Array | null;
  /** Ids of the archived sessions, newest first. */
  readonly archived: readonly string[];
  /** Those of them that never seal again: see `engine/retired-sessions.ts`. */
  readonly retired: readonly string[];
  /** Begin anew with each registration. */
  readonly counters: ContentCounters;
}

export interface ArchivedSessionRow {
  readonly user: Aci;
  readonly device: number;
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** What we know of a user: the pinned identity and the newest device list that it signed. */
export interface PeerRow {
  readonly user: Aci;
  readonly identityKey: Uint8Array;
  /** Null while only a message, not yet a list, has shown the identity. */
  readonly list: { readonly version: number; readonly record: Uint8Array } | null;
}

/** A message that has been sealed: fixed position, one transport id for all tries. */
export interface SealedMessageRow {
  readonly id: string;
  readonly envelopeId: Uint8Array;
  readonly conversation: string;
  readonly hlc: number;
  /** Outbox rows that are done once this is submitted. */
  readonly covers: readonly string[];
}

/** The bytes for one recipient device: sealed once, submitted until acknowledged. */
export interface SealedPayloadRow {
  readonly message: string;
  readonly user: Aci;
  readonly device: DeviceId;
  readonly registration: RegistrationId;
  readonly payload: Uint8Array;
  readonly counter: number;
  /** This device's count of sealings with this one. */
  readonly sealing: number;
  /** Accepted by the relay: kept until the whole message is done, not submitted again. */
  readonly stored: 0 | 1;
}

/** Per conversation: the last clock value that this device has put on a message. */
export interface PositionRow {
  readonly conversation: string;
  readonly hlc: number;
}

/**
 * What this device has sealed for one device: enough to send it again, should it arrive unreadable. A message's body is in
 * history; an effect's is here, if its kind is sent again at all.
 */
export interface SentRow {
  readonly user: Aci;
  readonly device: DeviceId;
  readonly registration: RegistrationId;
  readonly counter: number;
  /** Envelope id, base64url. */
  readonly envelope: string;
  /** For whom it was sealed: nobody else ever gets it again. */
  readonly identityKey: Uint8Array;
  readonly message: string;
  readonly conversation: string;
  readonly peer: string;
  readonly kind: string;
  readonly body: object | null;
  readonly hlc: number;
  readonly at: number;
  /** When it was sealed, for forgetting. */
  readonly sealedAt: number;
  /** `void`: it never went out. `answered`: it was sent again, or said not to matter: once is all. */
  readonly state: 'kept' | 'void' | 'answered';
}

/** The sealed bytes of an envelope that could not be read; empty once its content has come again, perhaps before itself. */
export interface UndecryptableRow {
  readonly id: string;
  readonly user: Aci;
  readonly device: number;
  readonly at: number;
  readonly cause: UndecryptableCause;
  readonly payload: Uint8Array;
  readonly healed: 0 | 1;
}

/** How things stand with a device that sent something unreadable. */
export interface RepairRow {
  readonly user: Aci;
  readonly device: number;
  readonly registration: number;
  /** 1: something was decrypted since the last failure, so the session is sound. */
  readonly sound: 0 | 1;
  /** Requests under fresh sessions since something was decrypted, and when the last one was. */
  readonly asks: number;
  readonly askedAt: number;
}

/** A type alias: an interface would lack the index signature that `Rows` asks for. */
export type VaultRows = {
  meta: MetaRow;
  preKeys: PreKeyRow;
  acceptedHandshakes: AcceptedHandshakeRow;
  sessions: SessionRow;
  archivedSessions: ArchivedSessionRow;
  peers: PeerRow;
  sealedMessages: SealedMessageRow;
  sealedPayloads: SealedPayloadRow;
  positions: PositionRow;
  sent: SentRow;
  undecryptable: UndecryptableRow;
  repairs: RepairRow;
};

export const VAULT_VERSION = 1;

export const VAULT_SCHEMA: Schema<VaultRows> = {
  meta: { key: ['name'] },
  preKeys: { key: ['kind', 'id'] },
  acceptedHandshakes: { key: ['kem', 'signed', 'baseKey'], indexes: { at: ['at'] } },
  sessions: { key: ['user', 'device'] },
  archivedSessions: { key: ['user', 'device', 'id'] },
  peers: { key: ['user'] },
  sealedMessages: { key: ['id'] },
  sealedPayloads: { key: ['message', 'user', 'device', 'registration'] },
  positions: { key: ['conversation'] },
  sent: {
    key: ['user', 'device', 'registration', 'counter'],
    indexes: {
      envelope: ['user', 'device', 'registration', 'envelope'],
      message: ['message'],
      sealedAt: ['sealedAt'],
    },
  },
  undecryptable: { key: ['id'], indexes: { at: ['at'], open: ['user', 'device', 'healed'] } },
  repairs: { key: ['user', 'device'] },
};

export type Vault = Tables<VaultRows>;
