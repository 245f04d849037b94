/** The header in which a device sends its secret: `deviceId.secret`, the secret as base64url. The token is a Bearer token. */
export const DEVICE_HEADER = 'sotto-device';

/** The header with which a client says its protocol version. */
export const VERSION_HEADER = 'sotto-version';

/** Every HTTP route of version 1. `:user` is an ACI. */
export const ROUTES = {
  register: { method: 'POST', path: '/v1/devices' },
  getDevices: { method: 'GET', path: '/v1/devices' },
  putDeviceList: { method: 'PUT', path: '/v1/device-list' },
  getDeviceList: { method: 'GET', path: '/v1/users/:user/device-list' },
  linkToken: { method: 'POST', path: '/v1/link-tokens' },
  putPreKeys: { method: 'PUT', path: '/v1/prekeys' },
  bundles: { method: 'POST', path: '/v1/users/:user/bundles' },
  /** Removes the calling device itself: mailbox, prekeys, registration. */
  removeSelf: { method: 'DELETE', path: '/v1/devices/self' },
} as const;
