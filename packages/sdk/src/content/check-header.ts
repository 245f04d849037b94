import type { Aci, Envelope } from '@sotto/protocol';

import { aciOf, directConversationId, type Content } from './content.js';
import { isPlausibleHlc } from './position.js';

/** This device, as headers must name it. */
export interface Addressee {
  readonly app: string;
  readonly userName: string;
  readonly user: Aci;
  readonly device: number;
  readonly registration: number;
}

export type HeaderVerdict = 'ok' | 'header-mismatch' | 'malformed-content';

/**
 * Compares what a content says of itself with what the session proved. The relay delivers; only this check keeps it from
 * delivering to the wrong place, and a contact from writing where it does not belong.
 *
 * @param now relay-corrected milliseconds since the epoch
 */
export function checkHeader(content: Content, envelope: Envelope, local: Addressee, now: number): HeaderVerdict {
  const { from, to } = content;
  const fits =
    content.app === local.app &&
    aciOf(local.app, from.user) === envelope.user &&
    from.device === envelope.device &&
    from.registration === envelope.registration &&
    (to.user === local.userName || to.user === local.user) &&
    to.device === local.device &&
    to.registration === local.registration;
  if (!fits || !mayName(content, envelope, local)) return 'header-mismatch';
  return isPlausibleHlc(content.hlc, now) ? 'ok' : 'malformed-content';
}

/** A contact's content may name only the conversation with that contact; own devices' content names its peer. */
function mayName(content: Content, envelope: Envelope, local: Addressee): boolean {
  if (envelope.user !== local.user) {
    return content.peer === undefined && content.conversation === directConversationId(local.user, envelope.user);
  }
  return (
    content.peer !== undefined &&
    content.conversation === directConversationId(local.user, aciOf(local.app, content.peer))
  );
}
