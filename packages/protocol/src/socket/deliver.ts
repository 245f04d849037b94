import * as z from 'zod/mini';

import { binary } from '../bytes.js';
import { aci, deviceId, envelopeId, mailboxSeq, registrationId } from '../ids.js';
import { MAX_PAYLOAD_BYTES } from '../limits.js';

/** An envelope as a device receives it. The relay vouches for the sender and the time; the payload is ciphertext. */
export const envelope = z.object({
  seq: mailboxSeq,
  id: envelopeId,
  user: aci,
  device: deviceId,
  registration: registrationId,
  /** When the relay stored it, milliseconds since the epoch. */
  at: z.int(),
  payload: binary(1, MAX_PAYLOAD_BYTES),
});
export type Envelope = z.infer<typeof envelope>;

/** `deliver`: the next envelopes in `seq` order. */
export const deliver = z.object({
  /** The lowest seq still held: what lies below it and was not seen has expired. */
  first: mailboxSeq,
  envelopes: z.array(envelope),
  /** How many more the mailbox held when this was sent. */
  left: z.int(),
});
export type Deliver = z.infer<typeof deliver>;

/** `drained`: everything up to `head` was sent on this socket. */
export const drained = z.object({ head: mailboxSeq });
export type Drained = z.infer<typeof drained>;
