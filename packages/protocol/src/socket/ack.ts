import * as z from 'zod/mini';

import { errorBody } from '../error.js';
import { envelopeId, mailboxSeq } from '../ids.js';

/** `ack`: everything up to and including `seq` is committed on the device and may be deleted. */
export const ack = z.strictObject({ seq: mailboxSeq.check(z.gte(1)), id: envelopeId });
export type Ack = z.infer<typeof ack>;

/** The answer to requests that yield nothing but success. */
export const plainReply = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true) }),
  z.object({ ok: z.literal(false), error: errorBody }),
]);
export type PlainReply = z.infer<typeof plainReply>;
