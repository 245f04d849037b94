/**
 * A message's place in its conversation: `(hlc, id)`, carried inside the ciphertext so that the relay cannot reorder.
 * The hybrid logical clock is milliseconds that never run backwards within a conversation: a reply sorts below all that its
 * author had seen, whatever the clocks say.
 */

/** Above this a clock is malformed (and no pending message ever sorts among the sent). 2^52 ms is the year 144,000. */
export const MAX_HLC = 2 ** 52;

/** How far ahead of the receiver's clock a message may claim to be: one day. */
export const MAX_HLC_AHEAD_MS = 24 * 60 * 60 * 1000;

/**
 * The clock value of a new message, fixed when it is first sealed.
 *
 * @param now relay-corrected milliseconds since the epoch
 * @param largest the largest clock value stored in the conversation, 0 if none
 */
export function nextHlc(now: number, largest: number): number {
  return Math.max(now, largest + 1);
}

export function isPlausibleHlc(hlc: number, now: number): boolean {
  return Number.isSafeInteger(hlc) && hlc > 0 && hlc <= MAX_HLC && hlc <= now + MAX_HLC_AHEAD_MS;
}

/** Where a message that is not sealed yet sorts: behind everything sealed, in the order of typing. */
export function pendingHlc(now: number, largest: number): number {
  return Math.max(MAX_HLC + now, largest + 1);
}

export function isPending(hlc: number): boolean {
  return hlc > MAX_HLC;
}
