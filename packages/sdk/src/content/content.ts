import { aciFromDigest, aciInput, appId, deviceId, registrationId, toBase64Url, type Aci } from '@sotto/protocol';
import { sha256 } from '@sotto/crypto/sha256';
import * as s from '@sotto/protocol/schema';

import { MAX_HLC } from './position.js';

/** A conversation as contents name it: 16 bytes, base64url. */
export const conversationId = s.string().check(s.regex(/^[A-Za-z0-9_-]{22}$/));

/** A message: 16 random bytes, base64url. */
export const messageId = s.string().check(s.regex(/^[A-Za-z0-9_-]{22}$/));

const userName = s.string().check(s.minLength(1), s.maxLength(255));

/** One end of a message: who (a recipient whose name is not known yet: its ACI), on which device. */
const end = s.looseObject({ user: userName, device: deviceId, registration: registrationId });

/**
 * What is encrypted, as JSON. The header is checked against the session after decryption (see `check-header.ts`); fields
 * and kinds that this version does not know are kept byte for byte.
 */
export const content = s.looseObject({
  v: s.literal(1),
  app: appId,
  from: end,
  to: end,
  conversation: conversationId,
  id: messageId,
  hlc: s.int().check(s.gte(1), s.lte(MAX_HLC)),
  /** 1, 2, 3 ... of all that the sending device has sealed for the receiving one: makes gaps visible. */
  counter: s.int().check(s.gte(1)),
  kind: s.string().check(s.regex(/^[a-z][a-z0-9-]{0,31}$/)),
  /** The sender's claim of when it was written, milliseconds since the epoch. Shown, never used for order. */
  at: s.int().check(s.gte(0), s.lte(MAX_HLC)),
  /** Versions of the device lists that the sender went by: its own, and the recipient's. Hiding or replaying a list shows. */
  lists: s.looseObject({ from: s.int().check(s.gte(1)), to: s.int().check(s.gte(1)) }),
  /** Only to own devices: the other user of the direct conversation, whose name the recipient cannot know otherwise. */
  peer: s.optional(userName),
  /** Id of the envelope that could not be read, and whose content this is, once more. */
  resend: s.optional(messageId),
  /** What to show where the kind is unknown. */
  fallback: s.optional(s.string().check(s.maxLength(1000))),
  body: s.looseObject({}),
});
export type Content = s.Infer<typeof content>;

/** The account identifier of a user (DESIGN section 3): 16 bytes of SHA-256, as a UUID. */
export function aciOf(app: string, user: string): Aci {
  return aciFromDigest(sha256(aciInput(app, user)));
}

/**
 * The direct conversation of two users: the same for both, opaque to everyone who does not know both.
 * First 16 bytes of `SHA-256("sotto direct v1" || 00 || both ACIs in order)`.
 */
export function directConversationId(a: Aci, b: Aci): string {
  const input = new TextEncoder().encode(`sotto direct v1\0${[a, b].sort().join('')}`);
  return toBase64Url(sha256(input).subarray(0, 16));
}
