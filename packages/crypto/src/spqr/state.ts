import type { BraidState } from './braid-state.js';
import type { ChainLimits, Direction, EpochChain } from './epoch-chain.js';

/** Version 0: a session without SPQR. It sends no bytes, ignores those it gets, and yields no keys. */
export interface DisabledSpqr {
  readonly version: 0;
}

/** Kept until the first message of the peer decides the version (spqr.md 3). */
export interface Negotiation {
  /** PQK of the handshake, 32 bytes: the epoch chain may still have to be made from it. */
  readonly authKey: Uint8Array;
  /** 0: a peer without SPQR is accepted; 1: it is refused. */
  readonly minVersion: 0 | 1;
}

export interface ActiveSpqr {
  readonly version: 1;
  readonly direction: Direction;
  readonly limits: ChainLimits;
  /** null once the peer has spoken version 1. */
  readonly negotiation: Negotiation | null;
  /** null only with minimum version 0, until the peer's first message. */
  readonly chain: EpochChain | null;
  readonly braid: BraidState;
}

/** One party's side of the Sparse Post-Quantum Ratchet: immutable, shared in parts between versions. */
export type SpqrState = DisabledSpqr | ActiveSpqr;
