import * as z from 'zod/mini';

import { messageId } from '../content.js';
import type { ContentKind } from '../kind.js';

const schema = z.looseObject({ hlc: z.int().check(z.gte(1)), id: messageId });

export type ReadMarkBody = z.infer<typeof schema>;

/** To own devices: everything in the conversation up to this position has been read. */
export const readMark: ContentKind<ReadMarkBody> = {
  name: 'read-mark',
  schema,
  shows: 'effect',
  to: { peer: false, ownDevices: true },
  receipted: false,
  resent: true,
  summary: () => null,
  apply: async (history, { hlc }, { user, self }) => {
    if (user === self) await history.markReadUpTo(hlc);
  },
};
