import * as s from '../schema.js';

import { binary } from '../bytes.js';
import { aci, deviceId, envelopeId, registrationId, sealingCount } from '../ids.js';
import { MAX_DEVICES_PER_USER, MAX_PAYLOAD_BYTES, MAX_RECIPIENT_DEVICES } from '../limits.js';
import { errorBody } from '../error.js';

/**
 * `submit`: one message for all devices of its recipients. Payloads are opaque to the relay; devices that get the same
 * bytes name the same payload. A sender's own device is never among the recipients.
 */
export const submit = s.strictObject({
  id: envelopeId,
  /** The vault's count after the latest of the payloads was sealed: see `hello`. */
  sealing: sealingCount,
  payloads: s.array(binary(1, MAX_PAYLOAD_BYTES)).check(s.minLength(1), s.maxLength(MAX_RECIPIENT_DEVICES)),
  recipients: s
    .array(
      s.strictObject({
        user: aci,
        /** The device list to which the message was encrypted. */
        list: s.int().check(s.gte(1)),
        devices: s
          .array(s.strictObject({ device: deviceId, registration: registrationId, payload: s.int().check(s.gte(0)) }))
          .check(s.maxLength(MAX_DEVICES_PER_USER)),
        /**
         * True: `devices` are all devices of the user (the sender's own one excepted), and anything else is
         * `stale-device-list`. False: a message to some devices only (a receipt's retry, a resend), where the list
         * version is not compared and each pair stands for itself.
         */
        complete: s.boolean(),
      }),
    )
    .check(s.minLength(1), s.maxLength(MAX_RECIPIENT_DEVICES)),
});
export type Submit = s.Infer<typeof submit>;

/** `duplicate`: it was stored before, by an earlier try. `device-gone`: that device or registration is no longer there. */
export const outcome = s.oneOf(['stored', 'duplicate', 'mailbox-full', 'device-gone']);
export type Outcome = s.Infer<typeof outcome>;

/** Acknowledges a submit after its commit. `outcomes` in the order of recipients and their devices. */
export const submitReply = s.discriminatedUnion('ok', [
  s.object({ ok: s.literal(true), outcomes: s.array(outcome) }),
  s.object({ ok: s.literal(false), error: errorBody }),
]);
export type SubmitReply = s.Infer<typeof submitReply>;
