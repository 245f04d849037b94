import * as s from '@sotto/protocol/schema';

import { messageId } from '../content.js';
import type { ContentKind } from '../kind.js';

/** Message ids in one receipt: with 25 characters each they fit a 16 KiB bucket. */
export const MAX_RECEIPT_IDS = 500;

const receiptType = s.oneOf(['delivered', 'read']);
export type ReceiptType = s.Infer<typeof receiptType>;

const schema = s.looseObject({
  type: receiptType,
  ids: s.array(messageId).check(s.minLength(1), s.maxLength(MAX_RECEIPT_IDS)),
});
export type ReceiptBody = s.Infer<typeof schema>;

const share = s.object({ type: receiptType });

/** Never receipted, never resent; names messages of the user whom it is sent to. */
export const receipt: ContentKind<ReceiptBody> = {
  name: 'receipt',
  schema,
  shows: 'effect',
  to: { peer: true, ownDevices: false },
  receipted: false,
  resent: false,
  summary: () => null,
  merging: {
    key: ({ type }) => type,
    gatherMs: 1_000,
    most: MAX_RECEIPT_IDS,
    join: (bodies) => ({ type: bodies[0]?.type ?? 'delivered', ids: bodies.flatMap(({ ids }) => ids) }),
  },
  // This user's own devices cannot vouch for what another user has read.
  shares: ({ type, ids }, { user, self }) =>
    user === self ? [] : ids.map((id) => ({ of: { user: self, id }, part: { type } })),
  change: (_, part) => {
    const parsed = s.safeParse(share, part);
    return parsed.success ? { status: parsed.data.type } : null;
  },
};
