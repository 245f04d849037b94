import { aci } from '@sotto/protocol';
import * as z from 'zod/mini';

import type { ContentKind } from '../kind.js';
import { MAX_HLC } from '../position.js';

/** Marks in one content: about 170 bytes each. */
const MAX_MARKS = 100;

const mark = z.looseObject({
  user: aci,
  /** 33 bytes, base64url: the key that was compared. The mark is this key's, not the user's. */
  identityKey: z.string().check(z.regex(/^[A-Za-z0-9_-]{44}$/)),
  verified: z.boolean(),
  /** When the person said so, milliseconds since the epoch; larger than of any mark of the user that was known then. */
  at: z.int().check(z.gte(1), z.lte(MAX_HLC)),
});

const schema = z.looseObject({ marks: z.array(mark).check(z.minLength(1), z.maxLength(MAX_MARKS)) });
export type VerifiedBody = z.infer<typeof schema>;

/** To own devices: whose identity the person has verified, or no longer counts as verified. */
export const verified: ContentKind<VerifiedBody> = {
  name: 'verified',
  schema,
  shows: 'effect',
  to: { peer: false, ownDevices: true },
  receipted: false,
  resent: true,
  summary: () => null,
  merging: {
    key: () => '',
    gatherMs: 0,
    most: MAX_MARKS,
    join: (bodies) => ({ marks: bodies.flatMap(({ marks }) => marks) }),
  },
  apply: async (history, { marks }, { user, self }) => {
    if (user !== self) return;
    for (const one of marks) await history.markIdentity(one);
  },
};
