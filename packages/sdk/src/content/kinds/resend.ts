import * as s from '@sotto/protocol/schema';

import { messageId } from '../content.js';
import type { ContentKind } from '../kind.js';

/** Envelopes that one request names; beyond it another request follows. */
export const MAX_ASKED = 200;

const envelope = messageId;
const counter = s.int().check(s.gte(1));

const request = s.looseObject({
  /** Ids of envelopes that could not be read. */
  envelopes: s.array(envelope).check(s.maxLength(MAX_ASKED)),
  /** Counters of contents that never came. */
  counters: s.array(counter).check(s.maxLength(MAX_ASKED)),
  /** Everything above this counter may be lost: envelopes have expired at the relay. */
  after: s.optional(s.int().check(s.gte(0))),
});
export type ResendRequestBody = s.Infer<typeof request>;

/**
 * To the one device whose envelopes could not be read: send them again. What answers it comes as the content that it was,
 * with `resend` in its header, or in a `resend-answer`. See `engine/repair.ts`.
 */
export const resendRequest: ContentKind<ResendRequestBody> = {
  name: 'resend-request',
  schema: request,
  shows: 'effect',
  to: { peer: false, ownDevices: false },
  receipted: false,
  resent: true,
  summary: () => null,
  merging: {
    key: ({ envelopes, after }) => (after !== undefined ? 'after' : envelopes.length > 0 ? 'envelopes' : 'counters'),
    gatherMs: 0,
    most: MAX_ASKED,
    join: (bodies) => {
      const after = bodies.find((body) => body.after !== undefined)?.after;
      return {
        envelopes: bodies.flatMap(({ envelopes }) => envelopes),
        counters: bodies.flatMap(({ counters }) => counters).slice(0, MAX_ASKED),
        ...(after !== undefined && { after }),
      };
    },
  },
};

const answer = s.looseObject({
  items: s
    .array(
      s.looseObject({
        envelope,
        counter,
        /** Nothing that people would see, or gone for good. */
        outcome: s.oneOf(['nothing-lost', 'unavailable']),
      }),
    )
    .check(s.minLength(1), s.maxLength(2 * MAX_ASKED)),
});
export type ResendAnswerBody = s.Infer<typeof answer>;

/** To the device that asked: what will not come again. */
export const resendAnswer: ContentKind<ResendAnswerBody> = {
  name: 'resend-answer',
  schema: answer,
  shows: 'effect',
  to: { peer: false, ownDevices: false },
  receipted: false,
  resent: false,
  summary: () => null,
};
