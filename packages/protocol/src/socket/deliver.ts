import * as s from '../schema.js';

import { binary } from '../bytes.js';
import { aci, deviceId, envelopeId, mailboxSeq, registrationId } from '../ids.js';
import { MAX_PAYLOAD_BYTES } from '../limits.js';

/** An envelope as a device receives it. The relay vouches for the sender and the time; the payload is ciphertext. */
export const envelope = s.object({
  seq: mailboxSeq,
  id: envelopeId,
  user: aci,
  device: deviceId,
  registration: registrationId,
  /** When the relay stored it, milliseconds since the epoch. */
  at: s.int(),
  payload: binary(1, MAX_PAYLOAD_BYTES),
});
export type Envelope = s.Infer<typeof envelope>;

/** `deliver`: the next envelopes in `seq` order. */
export const deliver = s.object({
  /** The lowest seq still held: what lies below it and was not seen has expired. */
  first: mailboxSeq,
  envelopes: s.array(envelope),
  /** How many more the mailbox held when this was sent. */
  left: s.int(),
});
export type Deliver = s.Infer<typeof deliver>;

/** `drained`: everything up to `head` was sent on this socket. */
export const drained = s.object({ head: mailboxSeq });
export type Drained = s.Infer<typeof drained>;
