import * as s from '@sotto/protocol/schema';

import type { ContentKind } from '../kind.js';

/** Characters of a device's name: it is shown in a list. */
export const MAX_DEVICE_NAME = 64;

const schema = s.looseObject({ name: s.string().check(s.minLength(1), s.maxLength(MAX_DEVICE_NAME)) });
export type DeviceNameBody = s.Infer<typeof schema>;

/** To own devices: what the sending one is called. */
export const deviceName: ContentKind<DeviceNameBody> = {
  name: 'device-name',
  schema,
  shows: 'effect',
  to: { peer: false, ownDevices: true },
  receipted: false,
  resent: true,
  summary: () => null,
  apply: async (history, { name }, { user, self }) => {
    if (user === self) await history.nameDevice(name);
  },
};
