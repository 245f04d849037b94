/**
 * Finds out which agreements, signatures and key pairs an operation will need and has a faster platform compute them,
 * so that the synchronous operation itself only looks them up: `prepare -> (async) compute -> finish`.
 */
import type { PreKeyBundle } from '../handshake/pre-key-bundle.js';
import { parsePreKeyMessage, type PreKeyMessage } from '../handshake/pre-key-message.js';
import type { LocalParty } from '../keys/address.js';
import { Agreement, type AgreementFunction } from '../keys/agreement.js';
import type { KeyPair } from '../keys/curve25519.js';
import { SignatureVerdict, type VerifyFunction } from '../keys/signature-verdict.js';
import { findReceiverChain } from '../ratchet/double-ratchet.js';
import { parseSignalMessage, type SignalMessage } from '../ratchet/signal-message.js';
import type { PrivatePreKeys } from './decrypt-pre-key-message.js';
import { Precomputed } from './precomputed.js';
import { findSession, type SessionRecord } from './session-record.js';
import type { SessionState } from './session-state.js';

/** Curve25519 as the platform does it; see `webCryptoAccelerator`. */
export interface Accelerator {
  readonly agree: AgreementFunction;
  readonly generateKeyPair: () => Promise<KeyPair>;
  readonly verify: VerifyFunction;
}

/** Our key pair and their public key. */
type AgreementPair = readonly [ours: KeyPair, theirs: Uint8Array];

async function computeAll({ agree }: Accelerator, pairs: readonly AgreementPair[]): Promise<Agreement[]> {
  const agreements = await Promise.all(pairs.map(([ours, theirs]) => Agreement.compute(ours, theirs, agree)));
  return agreements.filter((agreement) => agreement !== null);
}

/**
 * For `startSession` with this bundle.
 * @throws CryptoError `bad-key` for a malformed bundle
 */
export async function precomputeStart(
  { local, bundle }: { readonly local: LocalParty; readonly bundle: PreKeyBundle },
  accelerator: Accelerator,
): Promise<Precomputed> {
  const { identityKey, signedPreKey, kemPreKey, oneTimePreKey } = bundle;
  const signed = kemPreKey === undefined ? [signedPreKey] : [signedPreKey, kemPreKey];
  const verifying = Promise.all(
    signed.map(({ publicKey, signature }) =>
      SignatureVerdict.with(identityKey, publicKey, signature, accelerator.verify),
    ),
  );
  const [baseKey, ratchetKey] = await Promise.all([accelerator.generateKeyPair(), accelerator.generateKeyPair()]);
  const pairs: AgreementPair[] = [
    [local.identityKeyPair, signedPreKey.publicKey],
    [baseKey, identityKey],
    [baseKey, signedPreKey.publicKey],
    [ratchetKey, signedPreKey.publicKey],
  ];
  if (oneTimePreKey !== undefined) pairs.push([baseKey, oneTimePreKey.publicKey]);
  const agreements = await computeAll(accelerator, pairs);
  return new Precomputed(agreements, await verifying, [baseKey, ratchetKey]);
}

/**
 * For `decryptMessage` of these bytes. Needs no work when the ratchet key is known already.
 * @throws CryptoError the parsing errors of `decryptMessage`
 */
export async function precomputeMessage(
  { record, bytes }: { readonly record: SessionRecord; readonly bytes: Uint8Array },
  accelerator: Accelerator,
): Promise<Precomputed> {
  const message = parseSignalMessage(bytes);
  const { current, archived } = record;
  const knownBy = (session: SessionState) => findReceiverChain(session.ratchet, message.ratchetKey) !== undefined;
  if (current === null || current.version !== message.version || knownBy(current)) return Precomputed.none;
  if (archived.some(knownBy)) return Precomputed.none;
  return turn(current.ratchet.sender.ratchetKeyPair, message, [], accelerator);
}

/**
 * For `decryptPreKeyMessage` of these bytes with these prekeys.
 * @throws CryptoError the parsing errors of `decryptPreKeyMessage`
 */
export async function precomputePreKeyMessage(
  input: {
    readonly record: SessionRecord;
    readonly local: LocalParty;
    readonly bytes: Uint8Array;
    readonly preKeys: PrivatePreKeys;
  },
  accelerator: Accelerator,
): Promise<Precomputed> {
  const message = parsePreKeyMessage(input.bytes);
  const known = findSession(input.record, message.version, message.baseKey);
  if (known !== undefined) {
    if (findReceiverChain(known.ratchet, message.inner.ratchetKey) !== undefined) return Precomputed.none;
    return turn(known.ratchet.sender.ratchetKeyPair, message.inner, [], accelerator);
  }
  const signed = input.preKeys.signed?.keyPair;
  if (signed === undefined) return Precomputed.none;
  return turn(signed, message.inner, handshakePairs(input.local, input.preKeys, signed, message), accelerator);
}

function handshakePairs(
  local: LocalParty,
  preKeys: PrivatePreKeys,
  signed: KeyPair,
  { identityKey, baseKey, oneTimePreKeyId }: PreKeyMessage,
): AgreementPair[] {
  const pairs: AgreementPair[] = [
    [signed, identityKey],
    [local.identityKeyPair, baseKey],
    [signed, baseKey],
  ];
  const oneTime = preKeys.oneTime?.keyPair;
  if (oneTimePreKeyId !== null && oneTime !== undefined) pairs.push([oneTime, baseKey]);
  return pairs;
}

/** A turn of the DH ratchet, and `more` agreements beside it. */
async function turn(
  ratchetKeyPair: KeyPair,
  message: SignalMessage,
  more: readonly AgreementPair[],
  accelerator: Accelerator,
): Promise<Precomputed> {
  const first = computeAll(accelerator, [...more, [ratchetKeyPair, message.ratchetKey]]);
  const fresh = await accelerator.generateKeyPair();
  const second = await computeAll(accelerator, [[fresh, message.ratchetKey]]);
  return new Precomputed([...(await first), ...second], [], [fresh]);
}
