import type { ProfileRow } from '../history/schema.js';
import type { Profile } from './types.js';

export const NO_PROFILE: Profile = { name: null };

export function toProfile(row: ProfileRow | undefined): Profile {
  return row ? { name: row.name } : NO_PROFILE;
}
