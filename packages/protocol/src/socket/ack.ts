import * as s from '../schema.js';

import { errorBody } from '../error.js';
import { envelopeId, mailboxSeq } from '../ids.js';

/** `ack`: everything up to and including `seq` is committed on the device and may be deleted. */
export const ack = s.strictObject({ seq: mailboxSeq.check(s.gte(1)), id: envelopeId });
export type Ack = s.Infer<typeof ack>;

/** The answer to requests that yield nothing but success. */
export const plainReply = s.discriminatedUnion('ok', [
  s.object({ ok: s.literal(true) }),
  s.object({ ok: s.literal(false), error: errorBody }),
]);
export type PlainReply = s.Infer<typeof plainReply>;
