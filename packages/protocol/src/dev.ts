import * as z from 'zod/mini';

import { aci, deviceId, mailboxSeq, registrationId } from './ids.js';

/**
 * What a relay in `--dev` mode shows of itself, as server-sent events on `GET /dev/observe`: exactly what it holds, so
 * that a visitor sees that it is ciphertext. Outside `--dev` the route does not exist.
 */
export const devObservation = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('stored'),
    mailbox: z.object({ user: aci, device: deviceId }),
    from: z.object({ user: aci, device: deviceId }),
    seq: mailboxSeq,
    at: z.int(),
    bytes: z.int(),
    /** The first 96 payload bytes, hex. */
    head: z.string(),
  }),
  z.object({ type: z.literal('acked'), mailbox: z.object({ user: aci, device: deviceId }), seq: mailboxSeq }),
  z.object({
    type: z.literal('directory'),
    devices: z.array(
      z.object({
        user: aci,
        device: deviceId,
        registration: registrationId,
        identityKey: z.string(),
        oneTimePreKeys: z.int(),
        kemPreKeys: z.int(),
        online: z.boolean(),
      }),
    ),
  }),
]);
export type DevObservation = z.infer<typeof devObservation>;

/** `GET /dev/token?user=NAME` answers with a token for anyone. `app` of the dev relay: */
export const DEV_APP = 'dev';
