import { DEFAULT_RATCHET_LIMITS, type RatchetLimits } from '../ratchet/limits.js';

/** Bounds of a session record (handshake.md §8); the defaults are libsignal's. */
export interface SessionLimits extends RatchetLimits {
  /** The oldest archived session is dropped beyond this. */
  readonly maxArchivedSessions: number;
  /** Age in seconds of an outgoing session that nobody answered, beyond which it no longer sends. */
  readonly maxUnansweredSeconds: number;
  /**
   * Work that one message may cause in *archived* sessions, in chain key steps; a DH counts as {@link DH_COST} steps.
   * Sessions that it does not reach are not tried. The current session is always tried.
   */
  readonly maxArchivedTrialSteps: number;
}

/** One X25519 in chain key steps, measured on the pure JavaScript primitives. */
export const DH_COST = 100;

export const DEFAULT_LIMITS: SessionLimits = {
  ...DEFAULT_RATCHET_LIMITS,
  maxArchivedSessions: 40,
  maxUnansweredSeconds: 30 * 24 * 60 * 60,
  maxArchivedTrialSteps: Number.POSITIVE_INFINITY,
};

export function withDefaults(limits: Partial<SessionLimits> | undefined): SessionLimits {
  return limits === undefined ? DEFAULT_LIMITS : { ...DEFAULT_LIMITS, ...limits };
}
