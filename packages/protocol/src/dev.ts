import * as s from './schema.js';

import { aci, deviceId, mailboxSeq, registrationId } from './ids.js';

/**
 * What a relay in `--dev` mode shows of itself, as server-sent events on `GET /dev/observe`: exactly what it holds, so
 * that a visitor sees that it is ciphertext. Outside `--dev` the route does not exist.
 */
export const devObservation = s.discriminatedUnion('type', [
  s.object({
    type: s.literal('stored'),
    mailbox: s.object({ user: aci, device: deviceId }),
    from: s.object({ user: aci, device: deviceId }),
    seq: mailboxSeq,
    at: s.int(),
    bytes: s.int(),
    /** The first 96 payload bytes, hex. */
    head: s.string(),
  }),
  s.object({ type: s.literal('acked'), mailbox: s.object({ user: aci, device: deviceId }), seq: mailboxSeq }),
  s.object({
    type: s.literal('directory'),
    devices: s.array(
      s.object({
        user: aci,
        device: deviceId,
        registration: registrationId,
        identityKey: s.string(),
        oneTimePreKeys: s.int(),
        kemPreKeys: s.int(),
        online: s.boolean(),
      }),
    ),
  }),
]);
export type DevObservation = s.Infer<typeof devObservation>;

/** `GET /dev/token?user=NAME` answers with a token for anyone. `app` of the dev relay: */
export const DEV_APP = 'dev';
