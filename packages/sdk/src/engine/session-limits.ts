import { DEFAULT_LIMITS, type SessionLimits } from '@sotto/crypto';

/**
 * Bounds of the work that one envelope may cause. Delivery is ordered, so a gap in a chain is at most what expired in a
 * mailbox; libsignal's 25,000 steps would cost a third of a second before the MAC is even looked at.
 */
export const SESSION_LIMITS: SessionLimits = {
  ...DEFAULT_LIMITS,
  maxForwardJump: 2_000,
  maxSelfForwardJump: 2_000,
  /** Three archived sessions with a DH step and a few hundred chain steps each: about 5 ms. */
  maxArchivedTrialSteps: 1_000,
};
