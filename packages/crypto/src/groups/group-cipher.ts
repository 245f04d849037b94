/**
 * Group messages (sender-keys.md): one sender, one distribution id, many receivers. State in, new state out; a failure
 * changes nothing. A record belongs to one (sender address, distribution id): the caller looks it up.
 */
import { CryptoError } from '../errors.js';
import { type SignatureVerdict, verifyOrLookUp } from '../keys/signature-verdict.js';
import { sign, SIGNATURE_LENGTH } from '../keys/xeddsa.js';
import { aesCbcDecrypt, aesCbcEncrypt } from '../primitives/aes-cbc.js';
import { concat } from '../primitives/bytes.js';
import { draw, type RandomBytes } from '../primitives/random.js';
import { messageSeed, nextChainKey } from '../ratchet/chain-key.js';
import { takeSeed } from '../ratchet/receiver-chain.js';
import { generateSigningKey, groupMessageKeys } from './group-keys.js';
import {
  decodeDistributionMessage,
  decodeSenderKeyMessage,
  encodeDistributionMessage,
  encodeUnsigned,
  type SenderKeyMessageInfo,
} from './sender-key-message.js';
import {
  addState,
  findState,
  replaceState,
  type SenderKeyRecord,
  type SenderKeyState,
  type SigningKey,
  stateOf,
} from './sender-key-record.js';

const CHAIN_KEY_BYTES = 32;
const MAX_ITERATION = 0xffff_ffff;

export interface GroupLimits {
  /** How far ahead a message may be; libsignal's and the default value is 25,000. */
  readonly maxForwardJump: number;
  /** Keys of overtaken messages kept per chain; default 2,000. */
  readonly maxSkipped: number;
}

export const DEFAULT_GROUP_LIMITS: GroupLimits = { maxForwardJump: 25_000, maxSkipped: 2_000 };

/** A message and the sender's record after it. */
export interface GroupMessageSent {
  readonly record: SenderKeyRecord;
  readonly message: Uint8Array;
}

/**
 * The distribution message that lets a member read from here on, to be sent through pairwise sessions only. The first call
 * for an empty record makes the chain; later ones hand out its current key, so that late joiners cannot read what was before.
 * To make members who left unable to read, start from an empty record.
 *
 * @param random asked for 4, 32 and 32 bytes (chain id, chain key, seed of the signature key) when a chain is made
 */
export function createDistributionMessage(input: {
  readonly record: SenderKeyRecord;
  readonly distributionId: string;
  readonly random: RandomBytes;
}): GroupMessageSent {
  const record = input.record.states.length === 0 ? addState(input.record, newState(input.random)) : input.record;
  const { chainId, chain } = ownState(record);
  const message = encodeDistributionMessage({
    distributionId: input.distributionId,
    chainId,
    iteration: chain.chainKey.index,
    chainKey: chain.chainKey.key,
    signatureKey: chain.ratchetKey,
  });
  return { record, message };
}

function newState(random: RandomBytes): SenderKeyState {
  const [a = 0, b = 0, c = 0, d = 0] = draw(random, 4);
  // 31 bits: old peers read the id as a signed integer.
  const chainId = ((a << 24) | (b << 16) | (c << 8) | d) >>> 1;
  const chainKey = Uint8Array.from(draw(random, CHAIN_KEY_BYTES));
  const { signing, publicKey } = generateSigningKey(random);
  const created = { distributionId: '', chainId, iteration: 0, chainKey, signatureKey: publicKey };
  return { ...stateOf(created), signing };
}

function ownState(record: SenderKeyRecord): SenderKeyState & { readonly signing: SigningKey } {
  const [state] = record.states;
  if (state === undefined || state.signing === null) {
    throw new CryptoError('session-not-found', 'no sender key state to send with');
  }
  return { ...state, signing: state.signing };
}

/**
 * Which chain a distribution message starts.
 * @throws CryptoError `too-short`, `legacy-version`, `unrecognized-version`, `invalid-protobuf`
 */
export function readDistributionMessage(message: Uint8Array): SenderKeyMessageInfo {
  const { distributionId, chainId, iteration } = decodeDistributionMessage(message);
  return { distributionId, chainId, iteration };
}

/** Takes in a distribution message that came from the record's sender through a pairwise session. Throws as reading it does. */
export function processDistributionMessage(input: { readonly record: SenderKeyRecord; readonly message: Uint8Array }): {
  record: SenderKeyRecord;
} {
  return { record: addState(input.record, stateOf(decodeDistributionMessage(input.message))) };
}

export interface GroupEncryptInput {
  /** Our own record for the distribution id. */
  readonly record: SenderKeyRecord;
  /** UUID. */
  readonly distributionId: string;
  readonly plaintext: Uint8Array;
}

/** An encrypted message that still lacks its signature. Store `record` only together with the finished message. */
export interface PreparedGroupMessage {
  readonly record: SenderKeyRecord;
  /** What must be signed. */
  readonly unsigned: Uint8Array;
  readonly signing: SigningKey;
  /** 33 bytes. */
  readonly signatureKey: Uint8Array;
}

/** First half of {@link groupEncrypt}: everything but the signature, which may then be made asynchronously. */
export function prepareGroupMessage({ record, distributionId, plaintext }: GroupEncryptInput): PreparedGroupMessage {
  const state = ownState(record);
  const { chain, chainId, signing } = state;
  if (chain.chainKey.index >= MAX_ITERATION) throw new CryptoError('invalid-argument', 'the chain is exhausted');
  const { iv, cipherKey } = groupMessageKeys(messageSeed(chain.chainKey));
  const ciphertext = aesCbcEncrypt(cipherKey, iv, plaintext);
  const unsigned = encodeUnsigned({ distributionId, chainId, iteration: chain.chainKey.index, ciphertext });
  const next = { chainId, signing, chain: { ...chain, chainKey: nextChainKey(chain.chainKey) } };
  return { record: replaceState(record, next), unsigned, signing, signatureKey: chain.ratchetKey };
}

/** Second half. @param signature 64 bytes, XEdDSA over `unsigned` */
export function finishGroupMessage(prepared: PreparedGroupMessage, signature: Uint8Array): GroupMessageSent {
  if (signature.length !== SIGNATURE_LENGTH) throw new CryptoError('invalid-argument', 'a signature has 64 bytes');
  return { record: prepared.record, message: concat(prepared.unsigned, signature) };
}

/**
 * Encrypts once for all members.
 * @param input.random asked for 64 bytes
 * @throws CryptoError `session-not-found` before {@link createDistributionMessage} made a chain
 */
export function groupEncrypt(input: GroupEncryptInput & { readonly random: RandomBytes }): GroupMessageSent {
  const prepared = prepareGroupMessage(input);
  return finishGroupMessage(prepared, sign(prepared.signing.privateKey, prepared.unsigned, input.random));
}

/**
 * Which chain, of whatever sender, a group message belongs to.
 * @throws CryptoError `too-short`, `legacy-version`, `unrecognized-version`, `invalid-protobuf`
 */
export function readGroupMessage(message: Uint8Array): SenderKeyMessageInfo {
  const { distributionId, chainId, iteration } = decodeSenderKeyMessage(message);
  return { distributionId, chainId, iteration };
}

/** The signature that a message stands or falls with, to be judged ahead by a `SignatureVerdict`. */
export interface GroupSignature {
  /** 33 bytes. */
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** @throws CryptoError as {@link readGroupMessage}, and `session-not-found` for an unknown chain */
export function groupSignatureOf(record: SenderKeyRecord, message: Uint8Array): GroupSignature {
  const { chainId, signed, signature } = decodeSenderKeyMessage(message);
  return { publicKey: findState(record, chainId).chain.ratchetKey, message: signed, signature };
}

export interface GroupDecryptInput {
  /** The record of the message's sender and distribution id. */
  readonly record: SenderKeyRecord;
  readonly message: Uint8Array;
  /** Verifications done ahead; one that judged exactly this message replaces our own. */
  readonly verdicts?: readonly SignatureVerdict[];
  readonly limits?: GroupLimits;
}

/**
 * Decrypts a message of the record's sender.
 * @throws CryptoError as {@link readGroupMessage}; `session-not-found` for an unknown chain, `bad-signature`, `duplicate-message`,
 *   `invalid-message` when it is too far ahead or does not decrypt
 */
export function groupDecrypt(input: GroupDecryptInput): { record: SenderKeyRecord; plaintext: Uint8Array } {
  const { record, message, verdicts, limits = DEFAULT_GROUP_LIMITS } = input;
  const { chainId, iteration, ciphertext, signed, signature } = decodeSenderKeyMessage(message);
  const state = findState(record, chainId);
  if (!verifyOrLookUp(state.chain.ratchetKey, signed, signature, verdicts)) {
    throw new CryptoError('bad-signature', 'the group message is not by its sender');
  }
  if (iteration === MAX_ITERATION) throw new CryptoError('invalid-message', 'the chain is exhausted');
  const { chain, seed } = takeSeed(state.chain, iteration, limits.maxForwardJump, limits.maxSkipped);
  const { iv, cipherKey } = groupMessageKeys(seed);
  const plaintext = aesCbcDecrypt(cipherKey, iv, ciphertext);
  return { record: replaceState(record, { ...state, chain }), plaintext };
}
