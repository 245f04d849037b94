import * as z from 'zod/mini';

import { binary } from '../bytes.js';
import { aci, deviceId, envelopeId, registrationId, sealingCount } from '../ids.js';
import { MAX_DEVICES_PER_USER, MAX_PAYLOAD_BYTES, MAX_RECIPIENT_DEVICES } from '../limits.js';
import { errorBody } from '../error.js';

/**
 * `submit`: one message for all devices of its recipients. Payloads are opaque to the relay; devices that get the same
 * bytes name the same payload. A sender's own device is never among the recipients.
 */
export const submit = z.strictObject({
  id: envelopeId,
  /** The vault's count after the latest of the payloads was sealed: see `hello`. */
  sealing: sealingCount,
  payloads: z.array(binary(1, MAX_PAYLOAD_BYTES)).check(z.minLength(1), z.maxLength(MAX_RECIPIENT_DEVICES)),
  recipients: z
    .array(
      z.strictObject({
        user: aci,
        /** The device list to which the message was encrypted. */
        list: z.int().check(z.gte(1)),
        devices: z
          .array(z.strictObject({ device: deviceId, registration: registrationId, payload: z.int().check(z.gte(0)) }))
          .check(z.maxLength(MAX_DEVICES_PER_USER)),
        /**
         * True: `devices` are all devices of the user (the sender's own one excepted), and anything else is
         * `stale-device-list`. False: a message to some devices only (a receipt's retry, a resend), where the list
         * version is not compared and each pair stands for itself.
         */
        complete: z.boolean(),
      }),
    )
    .check(z.minLength(1), z.maxLength(MAX_RECIPIENT_DEVICES)),
});
export type Submit = z.infer<typeof submit>;

/** `duplicate`: it was stored before, by an earlier try. `device-gone`: that device or registration is no longer there. */
export const outcome = z.enum(['stored', 'duplicate', 'mailbox-full', 'device-gone']);
export type Outcome = z.infer<typeof outcome>;

/** Acknowledges a submit after its commit. `outcomes` in the order of recipients and their devices. */
export const submitReply = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), outcomes: z.array(outcome) }),
  z.object({ ok: z.literal(false), error: errorBody }),
]);
export type SubmitReply = z.infer<typeof submitReply>;
