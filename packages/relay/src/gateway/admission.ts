import type { ExpiringDevice, Hello } from '@sotto/protocol';

import type { Login } from '../auth/token-verifier.js';
import type { DeviceRecord } from '../store/store.js';

/** A device that has proven itself, before it has a socket. */
export interface Admission {
  login: Login;
  hello: Hello;
  device: DeviceRecord;
  /** Version of the user's list when the device was admitted. */
  listVersion: number;
  /** What the device should know of the user's others. */
  expiring: ExpiringDevice[];
  /** Where the socket comes from; absent in a simulation. */
  ip?: string;
}
