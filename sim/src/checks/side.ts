import type { Device } from '../client/device.js';
import type { MessageRow } from './text.js';

/** A device, with its part of what is compared. */
export interface Side {
  readonly device: Device;
  readonly rows: readonly MessageRow[];
}

export interface Tolerance {
  /** Something was rolled back: what could not be read shows as a notice, and may stand for a message. */
  readonly notices: boolean;
  /** Receipts are sent once: what is rolled back with them may show less than is true, never more. */
  readonly lowStatuses: boolean;
  /** What was rolled back may be missing. */
  readonly gaps: boolean;
}
