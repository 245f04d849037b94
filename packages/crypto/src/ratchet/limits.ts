/** Bounds of one Double Ratchet (handshake.md §8); the defaults are libsignal's. */
export interface RatchetLimits {
  /** Messages of one chain that may be missing before the one received. A gap of exactly this is accepted. */
  readonly maxForwardJump: number;
  /** The same when both ends are one account (double-ratchet.md §7). */
  readonly maxSelfForwardJump: number;
  /** Seeds kept per receiver chain for messages that have not arrived; the oldest go first. */
  readonly maxSkippedSeeds: number;
  /** Receiver chains kept per session for late messages; the oldest go first. */
  readonly maxReceiverChains: number;
}

export const DEFAULT_RATCHET_LIMITS: RatchetLimits = {
  maxForwardJump: 25_000,
  maxSelfForwardJump: Number.POSITIVE_INFINITY,
  maxSkippedSeeds: 2_000,
  maxReceiverChains: 5,
};
