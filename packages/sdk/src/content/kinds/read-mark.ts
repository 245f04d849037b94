import * as s from '@sotto/protocol/schema';

import { messageId } from '../content.js';
import type { ContentKind } from '../kind.js';

/** Message ids in one mark: as in a receipt. */
export const MAX_MARKED_IDS = 500;

const schema = s.looseObject({ ids: s.array(messageId).check(s.minLength(1), s.maxLength(MAX_MARKED_IDS)) });

export type ReadMarkBody = s.Infer<typeof schema>;

/**
 * To own devices: these messages of the other user have been read. Names them one by one, not a position up to which all is
 * read: a device that joined later has never had what came before, nor shown it to anybody.
 */
export const readMark: ContentKind<ReadMarkBody> = {
  name: 'read-mark',
  schema,
  shows: 'effect',
  to: { peer: false, ownDevices: true },
  receipted: false,
  resent: true,
  summary: () => null,
  shares: ({ ids }, { user, self, peer }) =>
    user === self ? ids.map((id) => ({ of: { user: peer, id }, part: {} })) : [],
  change: () => ({ read: true }),
};
