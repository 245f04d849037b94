import * as s from '../schema.js';

import { deviceId, deviceSecret, envelopeId, mailboxSeq, registrationId, sealingCount } from '../ids.js';
import { MAX_TOKEN_LENGTH } from '../limits.js';
import { expiringDevice } from '../http/devices.js';
import { preKeyCounts } from '../http/prekeys.js';

/** Position up to which a mailbox was read, and the envelope that stood there: the id tells a rolled-back side. */
export const cursor = s.strictObject({ seq: mailboxSeq, id: s.nullable(envelopeId) });
export type Cursor = s.Infer<typeof cursor>;

/** The client's first word: the `auth` payload of the Socket.IO handshake. */
export const hello = s.strictObject({
  protocol: s.int().check(s.gte(1)),
  token: s.string().check(s.maxLength(MAX_TOKEN_LENGTH)),
  device: deviceId,
  registration: registrationId,
  secret: deviceSecret,
  /** Epoch of the engine's leadership; of two sockets of one device the relay keeps the one with the higher epoch. */
  epoch: s.int().check(s.gte(1)),
  cursor,
  /** The vault's count. */
  sealings: sealingCount,
});
export type Hello = s.Infer<typeof hello>;

/**
 * How what the relay holds compares with the client's cursor and its count of sealings.
 *
 * - `ok`: the same story; what the cursor covers counts as acknowledged.
 * - `mailbox-reset`: the relay was rolled back. Restart from `acked`, rely on dedupe, republish all prekeys.
 * - `vault-behind`: the relay has seen acknowledgements or sealings that this vault knows nothing of: the vault was rolled back.
 */
export const cursorVerdict = s.oneOf(['ok', 'mailbox-reset', 'vault-behind']);
export type CursorVerdict = s.Infer<typeof cursorVerdict>;

/** The relay's first word on a new socket (`welcome`). Delivery starts right after it. */
export const welcome = s.object({
  protocol: s.int(),
  /** The relay's clock, milliseconds since the epoch: clients correct theirs with it. */
  time: s.int(),
  verdict: cursorVerdict,
  acked: cursor,
  /** The highest count that came with a submit of this device. Where that is more than its own, the client counts on from it. */
  sealings: sealingCount,
  /** The highest seq assigned so far. */
  head: mailboxSeq,
  /** The lowest seq still held; head + 1 when the mailbox is empty. */
  first: mailboxSeq,
  /** Seconds for which unacknowledged envelopes are kept. */
  retentionSeconds: s.int(),
  /** Version of the user's own device list; 0 when this device has not published one. */
  listVersion: s.int(),
  preKeys: preKeyCounts,
  /** Other devices of the same user that will be removed for inactivity, or are gone and still listed. */
  expiring: s.array(expiringDevice),
  limits: s.object({ payloadBytes: s.int(), submitBytes: s.int() }),
});
export type Welcome = s.Infer<typeof welcome>;
