import type { UserState } from './store.js';

/** A user that has never registered a device. */
export const emptyUser: UserState = {
  identityKey: null,
  list: null,
  listVersion: 0,
  nextListVersion: 1,
  devices: [],
  linkTokens: [],
  resets: [],
};
