/**
 * Bytes sealed with a passphrase: the master key of a vault, backups (docs/sealing.md).
 *
 * ```
 * u8 format (1) | u8 KDF (1 = Argon2id, RFC 9106) | u32be memory in KiB | u32be passes | u8 lanes | salt 16 | nonce 24
 * XChaCha20-Poly1305 ciphertext || tag 16, everything before it as associated data
 * ```
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { argon2idAsync } from '@noble/hashes/argon2.js';

import { CryptoError } from '../errors.js';
import { concat, u32be, wipe } from '../primitives/bytes.js';
import { draw, type RandomBytes } from '../primitives/random.js';
import { NONCE_BYTES, TAG_BYTES } from './sealed-with-key.js';

const FORMAT = 1;
const KDF_ARGON2ID = 1;
const SALT_BYTES = 16;
const PARAMETER_BYTES = 11;
const HEADER_BYTES = PARAMETER_BYTES + SALT_BYTES + NONCE_BYTES;
const KEY_BYTES = 32;

/** Cost of one guess at the passphrase (RFC 9106 §3.1). */
export interface PassphraseCost {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
}

/** The second recommendation of RFC 9106 §4 (64 MiB, 3 passes), with one lane, for JavaScript has no second one. */
export const DEFAULT_PASSPHRASE_COST: PassphraseCost = { memory: 64 * 1024, passes: 3, lanes: 1 };
/** OWASP's least: below it nothing is sealed, and nothing is opened, so that nobody can be handed a weak seal. */
export const MIN_PASSPHRASE_COST: PassphraseCost = { memory: 19 * 1024, passes: 2, lanes: 1 };
/** What foreign sealed bytes may make us spend: memory that a phone's browser still has, and about a minute. */
const MAX_COST: PassphraseCost = { memory: 256 * 1024, passes: 16, lanes: 4 };

export interface SealWithPassphraseInput {
  /** Not empty. Compared after Unicode normalisation (NFC, RFC 8265 §4.2). */
  readonly passphrase: string;
  readonly plaintext: Uint8Array;
  /** Asked for 16 and 24 bytes. */
  readonly random: RandomBytes;
  /** Default: {@link DEFAULT_PASSPHRASE_COST}. */
  readonly cost?: PassphraseCost;
  /** Called with 0..1 while the key is derived, which takes seconds; the work yields to other tasks in between. */
  readonly onProgress?: (part: number) => void;
}

/**
 * Seals bytes with a passphrase; 67 bytes longer than the plaintext.
 * @throws CryptoError `invalid-argument` for an empty passphrase or a cost outside of the limits
 */
export async function sealWithPassphrase(input: SealWithPassphraseInput): Promise<Uint8Array> {
  const { passphrase, plaintext, random, cost = DEFAULT_PASSPHRASE_COST, onProgress } = input;
  if (!isWithinLimits(cost)) throw new CryptoError('invalid-argument', 'the cost is outside of the limits');
  const salt = Uint8Array.from(draw(random, SALT_BYTES));
  const header = concat(encodeCost(cost), salt, draw(random, NONCE_BYTES));
  const key = await deriveKey(passphrase, salt, cost, onProgress);
  const sealed = concat(header, xchacha20poly1305(key, header.subarray(-NONCE_BYTES), header).encrypt(plaintext));
  wipe(key);
  return sealed;
}

export interface OpenWithPassphraseInput {
  readonly passphrase: string;
  readonly sealed: Uint8Array;
  readonly onProgress?: (part: number) => void;
}

/**
 * Opens what {@link sealWithPassphrase} sealed.
 * @throws CryptoError `wrong-passphrase` (also for altered bytes: nothing can tell them apart), `corrupt-record` for bytes that were
 *   never sealed so or ask for a cost outside of the limits, `unrecognized-version`, `invalid-argument` for an empty passphrase
 */
export async function openWithPassphrase(input: OpenWithPassphraseInput): Promise<Uint8Array> {
  const { passphrase, sealed, onProgress } = input;
  if (sealed.length < HEADER_BYTES + TAG_BYTES) throw new CryptoError('corrupt-record', 'sealed bytes too short');
  const header = sealed.subarray(0, HEADER_BYTES);
  const cost = decodeCost(header);
  const salt = header.subarray(PARAMETER_BYTES, PARAMETER_BYTES + SALT_BYTES);
  const key = await deriveKey(passphrase, salt, cost, onProgress);
  try {
    return xchacha20poly1305(key, header.subarray(-NONCE_BYTES), header).decrypt(sealed.subarray(HEADER_BYTES));
  } catch {
    throw new CryptoError('wrong-passphrase', 'wrong passphrase, or the bytes were altered');
  } finally {
    wipe(key);
  }
}

/** Whether bytes sealed earlier cost less than new ones would: seal them again at the next chance. */
export function needsResealing(sealed: Uint8Array, cost: PassphraseCost = DEFAULT_PASSPHRASE_COST): boolean {
  const { memory, passes } = decodeCost(sealed);
  return memory < cost.memory || passes < cost.passes;
}

function encodeCost({ memory, passes, lanes }: PassphraseCost): Uint8Array {
  return concat(Uint8Array.of(FORMAT, KDF_ARGON2ID), u32be(memory), u32be(passes), Uint8Array.of(lanes));
}

function decodeCost(header: Uint8Array): PassphraseCost {
  if (header.length < PARAMETER_BYTES) throw new CryptoError('corrupt-record', 'sealed bytes too short');
  if (header[0] !== FORMAT || header[1] !== KDF_ARGON2ID) {
    throw new CryptoError('unrecognized-version', 'unknown format of sealed bytes');
  }
  const view = new DataView(header.buffer, header.byteOffset, PARAMETER_BYTES);
  const cost = { memory: view.getUint32(2), passes: view.getUint32(6), lanes: view.getUint8(10) };
  if (!isWithinLimits(cost)) throw new CryptoError('corrupt-record', 'the cost is outside of the limits');
  return cost;
}

function isWithinLimits({ memory, passes, lanes }: PassphraseCost): boolean {
  const within = (value: number, least: number, most: number): boolean =>
    Number.isInteger(value) && value >= least && value <= most;
  return (
    within(memory, MIN_PASSPHRASE_COST.memory, MAX_COST.memory) &&
    within(passes, MIN_PASSPHRASE_COST.passes, MAX_COST.passes) &&
    within(lanes, MIN_PASSPHRASE_COST.lanes, MAX_COST.lanes)
  );
}

function deriveKey(
  passphrase: string,
  salt: Uint8Array,
  { memory, passes, lanes }: PassphraseCost,
  onProgress: ((part: number) => void) | undefined,
): Promise<Uint8Array> {
  if (passphrase === '') throw new CryptoError('invalid-argument', 'the passphrase is empty');
  const options = { m: memory, t: passes, p: lanes, dkLen: KEY_BYTES };
  const password = new TextEncoder().encode(passphrase.normalize('NFC'));
  return argon2idAsync(password, salt, onProgress === undefined ? options : { ...options, onProgress });
}
