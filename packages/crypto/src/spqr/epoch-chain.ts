/**
 * The epoch chain (spqr.md 8): per Braid epoch one symmetric chain for each direction, whose keys salt the message keys.
 *
 * A message of Braid epoch E uses the chains of epoch E - 1; epoch 0 comes from the handshake. Every key is given out once.
 */
import { concat, u32be } from '../primitives/bytes.js';
import { hkdf } from '../primitives/hkdf.js';
import {
  dropSeedsBelow,
  NO_SKIPPED_SEEDS,
  SKIPPED_SEED_LENGTH,
  type SkippedSeeds,
  SkippedSeedsBuilder,
  takeSkippedSeed,
} from '../primitives/skipped-seeds.js';
import { CHAIN_ADD_EPOCH, CHAIN_NEXT, CHAIN_START } from './labels.js';
import { invalidSpqr } from './spqr-error.js';

/** `a2b`: the initiator of the session; `b2a`: the responder. */
export type Direction = 'a2b' | 'b2a';

export interface ChainLimits {
  /** Largest step forward that an incoming index may ask for. */
  readonly maxJump: number;
  /** How far behind the newest received index a key is still given out. */
  readonly maxOutOfOrder: number;
}

export interface SymmetricChain {
  /** Keys made so far; the first key has index 1. */
  readonly counter: number;
  /** 32 bytes. */
  readonly next: Uint8Array;
}

export interface ReceiveChain extends SymmetricChain {
  /** Keys that were passed over, by index. */
  readonly skipped: SkippedSeeds;
}

export interface EpochLink {
  readonly epoch: number;
  /** null once a later epoch sends. */
  readonly send: SymmetricChain | null;
  readonly receive: ReceiveChain;
}

export interface EpochChain {
  readonly direction: Direction;
  /** Consecutive epochs, oldest first; never empty. */
  readonly links: readonly EpochLink[];
  /** Root for the next epoch, 32 bytes. */
  readonly nextRoot: Uint8Array;
  /** Epoch of the last key that was sent with. */
  readonly sendEpoch: number;
}

/** @param authKey 32 bytes, PQK of the handshake */
export function createEpochChain(authKey: Uint8Array, direction: Direction): EpochChain {
  const { nextRoot, link } = deriveLink(null, authKey, CHAIN_START, direction, 0);
  return { direction, links: [link], nextRoot, sendEpoch: 0 };
}

/** Appends an epoch, which must be the one after the newest. @param secret 32 bytes */
export function addEpoch(chain: EpochChain, epoch: number, secret: Uint8Array): EpochChain {
  if (epoch !== newestEpoch(chain) + 1) throw invalidSpqr('epochs out of order');
  const { nextRoot, link } = deriveLink(chain.nextRoot, secret, CHAIN_ADD_EPOCH, chain.direction, epoch);
  return { ...chain, links: [...chain.links, link], nextRoot };
}

function newestEpoch({ links }: EpochChain): number {
  return links.at(-1)?.epoch ?? -1;
}

function deriveLink(
  salt: Uint8Array | null,
  secret: Uint8Array,
  label: Uint8Array,
  direction: Direction,
  epoch: number,
): { nextRoot: Uint8Array; link: EpochLink } {
  const okm = hkdf(salt, secret, label, 96);
  const a2b = okm.subarray(32, 64);
  const b2a = okm.subarray(64);
  const [send, receive] = direction === 'a2b' ? [a2b, b2a] : [b2a, a2b];
  const link = {
    epoch,
    send: { counter: 0, next: send },
    receive: { counter: 0, next: receive, skipped: NO_SKIPPED_SEEDS },
  };
  return { nextRoot: okm.subarray(0, 32), link };
}

function step({ counter, next }: SymmetricChain): { chain: SymmetricChain; key: Uint8Array } {
  if (counter === 0xffff_ffff) throw invalidSpqr('chain exhausted');
  const okm = hkdf(null, next, concat(u32be(counter + 1), CHAIN_NEXT), 64);
  return { chain: { counter: counter + 1, next: okm.subarray(0, 32) }, key: okm.subarray(32) };
}

/** The next key (32 bytes) to send with on the chain of `epoch`, and its index. Older epochs lose what they no longer need. */
export function sendKey(chain: EpochChain, epoch: number): { chain: EpochChain; index: number; key: Uint8Array } {
  const advanced = epoch > chain.sendEpoch ? enterSendEpoch(chain, epoch) : chain;
  const link = advanced.links.find((candidate) => candidate.epoch === epoch);
  if (link === undefined || link.send === null) throw invalidSpqr('epoch not in the chain');
  const { chain: send, key } = step(link.send);
  return { chain: replaceLink(advanced, { ...link, send }), index: send.counter, key };
}

/** Forgets epochs before `epoch` - 1, and the send chains of all before `epoch`. */
function enterSendEpoch(chain: EpochChain, epoch: number): EpochChain {
  const links = chain.links
    .filter((link) => link.epoch >= epoch - 1)
    .map((link) => (link.epoch < epoch ? { ...link, send: null } : link));
  return { ...chain, links, sendEpoch: epoch };
}

function replaceLink(chain: EpochChain, changed: EpochLink): EpochChain {
  return { ...chain, links: chain.links.map((link) => (link.epoch === changed.epoch ? changed : link)) };
}

/** The key (32 bytes) of an incoming message. @throws CryptoError `invalid-message` when it is gone or too far ahead */
export function receiveKey(
  chain: EpochChain,
  epoch: number,
  index: number,
  limits: ChainLimits,
): { chain: EpochChain; key: Uint8Array } {
  const link = chain.links.find((candidate) => candidate.epoch === epoch);
  if (link === undefined) throw invalidSpqr('epoch not in the chain');
  const { receive, key } =
    index > link.receive.counter ? jumpTo(link.receive, index, limits) : takePast(link.receive, index, limits);
  return { chain: replaceLink(chain, { ...link, receive }), key };
}

interface Received {
  readonly receive: ReceiveChain;
  readonly key: Uint8Array;
}

function takePast(receive: ReceiveChain, index: number, { maxOutOfOrder }: ChainLimits): Received {
  if (index + maxOutOfOrder < receive.counter) throw invalidSpqr('key already trimmed');
  const taken = takeSkippedSeed(receive.skipped, index);
  if (taken === null) throw invalidSpqr('key already requested');
  return { receive: { ...receive, skipped: taken.rest }, key: taken.seed };
}

function jumpTo(receive: ReceiveChain, index: number, { maxJump, maxOutOfOrder }: ChainLimits): Received {
  if (index - receive.counter > maxJump) throw invalidSpqr('key jump too large');
  const oldestKept = index - maxOutOfOrder;
  const kept = dropSeedsBelow(receive.skipped, oldestKept);
  const { chain, skipped } = passOver(receive, kept, index, Math.max(receive.counter + 1, oldestKept));
  const last = step(chain);
  return { receive: { ...last.chain, skipped }, key: last.key };
}

/** Steps to just before `index` and keeps the keys from `firstKept` on. */
function passOver(
  receive: ReceiveChain,
  kept: SkippedSeeds,
  index: number,
  firstKept: number,
): { chain: SymmetricChain; skipped: SkippedSeeds } {
  if (receive.counter === index - 1) return { chain: receive, skipped: kept };
  const added = index - firstKept;
  const skipped = new SkippedSeedsBuilder(kept, added, added + kept.length / SKIPPED_SEED_LENGTH);
  let chain: SymmetricChain = receive;
  while (chain.counter < index - 1) {
    const stepped = step(chain);
    chain = stepped.chain;
    if (chain.counter >= firstKept) skipped.add(chain.counter, stepped.key);
  }
  return { chain, skipped: skipped.finish() };
}
