import {
  CryptoError,
  decryptMessage,
  decryptPreKeyMessage,
  knowsHandshake,
  readPreKeyMessage,
  type CryptoErrorCode,
  type PreKeyMessageInfo,
} from '@sotto/crypto';
import { toBase64Url, type Envelope } from '@sotto/protocol';

import { checkHeader } from '../content/check-header.js';
import { decodeContent } from '../content/codec.js';
import type { Content } from '../content/content.js';
import type { ParsedBody } from '../content/kind.js';
import { equalBytes } from '../util/bytes.js';
import type { UndecryptableCause } from '../history/message-state.js';
import type { AcceptedHandshakeRow, PreKeyRow } from '../vault/schema.js';
import type { EngineContext } from './context.js';
import type { LocalDevice } from './local-device.js';
import { countMissing, countReceived } from './gaps.js';
import { PAYLOAD_PREKEY, PAYLOAD_WHISPER } from './payload.js';
import { SESSION_LIMITS } from './session-limits.js';
import type { SessionUnit } from './session-store.js';

/** What became of one envelope. */
export type Opened =
  | {
      readonly kind: 'content';
      readonly envelope: Envelope;
      readonly content: Content;
      readonly parsed: NonNullable<ParsedBody>;
      readonly raw: string;
      /** What is missing from this device, before and after. */
      readonly gap: { readonly before: number; readonly after: number };
    }
  /** Read before: a repeat by the network or the relay. Counts as success. */
  | { readonly kind: 'duplicate'; readonly envelope: Envelope }
  | { readonly kind: 'failed'; readonly envelope: Envelope; readonly cause: UndecryptableCause };

/** What a batch of opened envelopes uses up, besides session steps; written in the transaction that stores those. */
export class UsedKeys {
  readonly preKeys: Pick<PreKeyRow, 'kind' | 'id'>[] = [];
  readonly handshakes: AcceptedHandshakeRow[] = [];
  /** Identities that this batch has shown of users who were not known before: pinned with it. */
  readonly firstSeen = new Map<Envelope['user'], Uint8Array>();

  /** @param pinned the identity key that the vault holds of a user */
  constructor(readonly pinned: (user: Envelope['user']) => Promise<Uint8Array | undefined>) {}

  has(kind: PreKeyRow['kind'], id: number): boolean {
    return this.preKeys.some((used) => used.kind === kind && used.id === id);
  }

  hasHandshake(row: Pick<AcceptedHandshakeRow, 'kem' | 'signed' | 'baseKey'>): boolean {
    return this.handshakes.some(
      (seen) => seen.kem === row.kem && seen.signed === row.signed && seen.baseKey === row.baseKey,
    );
  }
}

/**
 * A handshake by a known user under another identity key. Nothing of it was kept: what came before it must be stored, and
 * the change be told, before it may be opened.
 */
export class IdentityChange extends Error {
  override readonly name = 'IdentityChange';

  constructor(
    readonly user: Envelope['user'],
    readonly identityKey: Uint8Array,
  ) {
    super('identity changed');
  }
}

const CAUSES: Partial<Record<CryptoErrorCode, UndecryptableCause>> = {
  'session-not-found': 'no-session',
  'prekey-missing': 'prekey-missing',
};

/**
 * Decrypts one envelope into the unit of work. Nothing is stored here, and a failure leaves the unit as it was.
 *
 * @throws IdentityChange
 * @param now relay-corrected milliseconds since the epoch
 */
export async function openEnvelope(
  context: EngineContext,
  local: LocalDevice,
  unit: SessionUnit,
  used: UsedKeys,
  envelope: Envelope,
  now: number,
): Promise<Opened> {
  let plaintext: Uint8Array | UndecryptableCause;
  try {
    plaintext = await decrypt(context, local, unit, used, envelope);
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    if (error.code === 'duplicate-message') return { kind: 'duplicate', envelope };
    plaintext = CAUSES[error.code] ?? 'bad-ciphertext';
  }
  if (typeof plaintext === 'string') return { kind: 'failed', envelope, cause: plaintext };
  const decoded = decodeContent(plaintext);
  const parsed = decoded && context.kinds.parse(decoded.content.kind, decoded.content.body);
  if (!decoded || !parsed) return { kind: 'failed', envelope, cause: 'malformed-content' };
  const verdict = checkHeader(decoded.content, envelope, local, now);
  if (verdict !== 'ok') return { kind: 'failed', envelope, cause: verdict };
  const gap = await count(unit, envelope, decoded.content.counter);
  return { kind: 'content', envelope, content: decoded.content, parsed, raw: decoded.raw, gap };
}

async function count(
  unit: SessionUnit,
  { user, device, registration }: Envelope,
  counter: number,
): Promise<{ before: number; after: number }> {
  const { registration: current } = await unit.get(user, device, false);
  // A late message of a registration that is gone: nothing of it is counted any more.
  if (current !== registration) return { before: 0, after: 0 };
  const counters = await unit.counters(user, device, registration);
  const next = countReceived(counters, counter);
  await unit.count(user, device, next);
  return { before: countMissing(counters.missing), after: countMissing(next.missing) };
}

async function decrypt(
  context: EngineContext,
  local: LocalDevice,
  unit: SessionUnit,
  used: UsedKeys,
  envelope: Envelope,
): Promise<Uint8Array | UndecryptableCause> {
  const bytes = envelope.payload.subarray(1);
  switch (envelope.payload[0]) {
    case PAYLOAD_WHISPER:
      return decryptWhisper(context, local, unit, used, envelope, bytes);
    case PAYLOAD_PREKEY:
      return decryptPreKey(context, local, unit, used, envelope, bytes);
    default:
      return 'malformed-envelope';
  }
}

async function decryptWhisper(
  context: EngineContext,
  local: LocalDevice,
  unit: SessionUnit,
  used: UsedKeys,
  { user, device }: Envelope,
  bytes: Uint8Array,
): Promise<Uint8Array | UndecryptableCause> {
  const remote = { name: user, deviceId: device };
  const attempt = async (archive: boolean): Promise<Uint8Array | UndecryptableCause> => {
    const { record, registration } = await unit.get(user, device, archive);
    const expected = await expectedIdentity(local, used, user);
    const result = decryptMessage({
      record,
      local: local.party,
      remote,
      bytes,
      random: context.random,
      limits: SESSION_LIMITS,
    });
    // A session of an identity that is not the user's any more: whoever holds it is not who they say.
    if (!expected || !equalBytes(expected, result.identityKey)) return 'bad-ciphertext';
    unit.set(user, device, result.record, registration);
    return result.plaintext;
  };
  try {
    return await attempt(false);
  } catch (error) {
    const { whole } = await unit.get(user, device, false);
    if (whole || !(error instanceof CryptoError) || error.code === 'duplicate-message') throw error;
    return attempt(true);
  }
}

/** The identity key that a user's messages must come under: this user's own, the pinned one, or what this batch has shown. */
async function expectedIdentity(
  local: LocalDevice,
  used: UsedKeys,
  user: Envelope['user'],
): Promise<Uint8Array | undefined> {
  if (user === local.user) return local.party.identityKeyPair.publicKey;
  return used.firstSeen.get(user) ?? (await used.pinned(user));
}

async function decryptPreKey(
  context: EngineContext,
  local: LocalDevice,
  unit: SessionUnit,
  used: UsedKeys,
  { user, device, registration }: Envelope,
  bytes: Uint8Array,
): Promise<Uint8Array | UndecryptableCause> {
  const header = readPreKeyMessage(bytes);
  const { record } = await unit.get(user, device, true);
  // Until it is answered, every message of a session brings the handshake along.
  const keys = knowsHandshake(record, header) ? NO_KEYS : await loadKeys(context, used, header);
  const result = decryptPreKeyMessage({
    record,
    local: local.party,
    remote: { name: user, deviceId: device },
    bytes,
    preKeys: {
      ...(keys.signed && { signed: { id: keys.signed.id, keyPair: keys.signed } }),
      ...(keys.kem && {
        kem: { id: keys.kem.id, keyPair: { publicKey: keys.kem.publicKey, secretKey: keys.kem.privateKey } },
      }),
      ...(keys.oneTime && { oneTime: { id: keys.oneTime.id, keyPair: keys.oneTime } }),
    },
    random: context.random,
    limits: SESSION_LIMITS,
  });
  const handshake = handshakeIn(header);
  if (result.used && (keys.seen || used.hasHandshake(handshake))) return 'repeated-handshake';
  const expected = await expectedIdentity(local, used, user);
  if (!expected) used.firstSeen.set(user, result.identityKey);
  else if (!equalBytes(expected, result.identityKey)) {
    // All devices of this user share the identity in the vault: another key under their name is a forgery.
    if (user === local.user) return 'header-mismatch';
    throw new IdentityChange(user, result.identityKey);
  }
  unit.set(user, device, result.record, registration);
  if (!result.used) return result.plaintext;
  if (keys.kem?.kind === 'last-resort') used.handshakes.push({ ...handshake, at: context.clock.now() });
  else if (keys.kem) used.preKeys.push({ kind: 'kem', id: keys.kem.id });
  if (keys.oneTime && result.used.oneTimePreKeyId !== undefined)
    used.preKeys.push({ kind: 'one-time', id: keys.oneTime.id });
  return result.plaintext;
}

/** What the vault holds for a new handshake. */
interface HandshakeKeys {
  readonly signed?: PreKeyRow | undefined;
  readonly kem?: PreKeyRow | undefined;
  readonly oneTime?: PreKeyRow | undefined;
  readonly seen?: AcceptedHandshakeRow | undefined;
}

const NO_KEYS: HandshakeKeys = {};

function handshakeIn({ kemPreKeyId = 0, signedPreKeyId, baseKey }: PreKeyMessageInfo) {
  return { kem: kemPreKeyId, signed: signedPreKeyId, baseKey: toBase64Url(baseKey) };
}

function loadKeys(context: EngineContext, used: UsedKeys, header: PreKeyMessageInfo): Promise<HandshakeKeys> {
  const { kem, signed, baseKey } = handshakeIn(header);
  return context.vault.read(['preKeys', 'acceptedHandshakes'], async (transaction) => {
    const load = async (id: number | undefined, kind: PreKeyRow['kind']): Promise<PreKeyRow | undefined> => {
      const row = id === undefined || used.has(kind, id) ? undefined : await transaction.get('preKeys', [kind, id]);
      // A damaged one is none.
      return (row?.privateKey as unknown) instanceof Uint8Array ? row : undefined;
    };
    const [signedKey, kemKey, lastResort, oneTime, seen] = await Promise.all([
      load(header.signedPreKeyId, 'signed'),
      load(header.kemPreKeyId, 'kem'),
      load(header.kemPreKeyId, 'last-resort'),
      load(header.oneTimePreKeyId, 'one-time'),
      transaction.get('acceptedHandshakes', [kem, signed, baseKey]),
    ]);
    return { signed: signedKey, kem: kemKey ?? lastResort, oneTime, seen };
  });
}
