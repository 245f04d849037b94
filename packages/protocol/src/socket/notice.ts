import * as s from '../schema.js';

import { errorBody } from '../error.js';
import { expiringDevice } from '../http/devices.js';
import { preKeyCounts } from '../http/prekeys.js';
import { MAX_TOKEN_LENGTH } from '../limits.js';

/** `token`: a fresh token on a living socket, before the old one's time is over. */
export const freshToken = s.strictObject({ token: s.string().check(s.maxLength(MAX_TOKEN_LENGTH)) });
export type FreshToken = s.Infer<typeof freshToken>;

/** `prekeys-low`: one-time prekeys are running out. */
export const preKeysLow = preKeyCounts;

/** `device-list-changed`: another device of the same user has published a list. */
export const deviceListChanged = s.object({ version: s.int() });

/** `device-expiring`: another device of the same user will be removed for inactivity (told daily), or was removed. */
export const deviceExpiring = expiringDevice;

/** `bye`: why the relay is about to close the socket (`superseded`, `token-expired`, `device-gone`, `shutting-down` ...). */
export const bye = errorBody;
