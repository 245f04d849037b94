import { aci } from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

import type { ContentKind } from '../kind.js';
import { MAX_HLC } from '../position.js';

/** Profiles in one content: about 500 bytes each at worst. */
const MAX_PROFILES = 100;

/** As it may come: more than is shown, so that a version which allows more is not taken for a forgery. */
const MAX_RAW_NAME = 256;

const profileOf = s.looseObject({
  user: aci,
  /** Null: taken back. */
  name: s.nullable(s.string().check(s.maxLength(MAX_RAW_NAME))),
  /** When the person said so, milliseconds since the epoch; larger than of any profile of theirs that was known then. */
  at: s.int().check(s.gte(1), s.lte(MAX_HLC)),
});

const schema = s.looseObject({ profiles: s.array(profileOf).check(s.minLength(1), s.maxLength(MAX_PROFILES)) });
export type ProfileBody = s.Infer<typeof schema>;

/** What people call themselves: each contact speaks for itself, own devices also pass on what they know of others. */
export const profile: ContentKind<ProfileBody> = {
  name: 'profile',
  schema,
  shows: 'effect',
  to: { peer: true, ownDevices: true },
  receipted: false,
  resent: true,
  summary: () => null,
  merging: {
    key: () => '',
    gatherMs: 0,
    most: MAX_PROFILES,
    join: (bodies) => ({ profiles: bodies.flatMap(({ profiles }) => profiles) }),
  },
  apply: async (history, { profiles }, { user, self }) => {
    for (const one of profiles) if (user === self || user === one.user) await history.noteProfile(one);
  },
};
