import { aci } from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

import type { ContentKind } from '../kind.js';
import { MAX_HLC } from '../position.js';

/** Marks in one content: about 170 bytes each. */
const MAX_MARKS = 100;

const mark = s.looseObject({
  user: aci,
  /** 33 bytes, base64url: the key that was compared. The mark is this key's, not the user's. */
  identityKey: s.string().check(s.regex(/^[A-Za-z0-9_-]{44}$/)),
  verified: s.boolean(),
  /** When the person said so, milliseconds since the epoch; larger than of any mark of the user that was known then. */
  at: s.int().check(s.gte(1), s.lte(MAX_HLC)),
});

const schema = s.looseObject({ marks: s.array(mark).check(s.minLength(1), s.maxLength(MAX_MARKS)) });
export type VerifiedBody = s.Infer<typeof schema>;

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
