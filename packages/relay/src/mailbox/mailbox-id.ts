import { createHash, createHmac } from 'node:crypto';

import type { Aci, AppId, DeviceId, RegistrationId } from '@sotto/protocol';

declare const brand: unique symbol;
/** Names the mailbox of one registration of one device: a UUID derived from app, user, device and registration id. */
export type MailboxId = string & { readonly [brand]: 'MailboxId' };

export interface DeviceAddress {
  user: Aci;
  device: DeviceId;
  registration: RegistrationId;
}

/**
 * The registration id is part of the name, so a device that takes over a freed id can never meet envelopes, positions
 * or dedupe keys of its predecessor; the app is, so no mailbox is reachable from another app.
 */
export function mailboxId(app: AppId, address: DeviceAddress): MailboxId {
  const digest = createHash('sha256')
    .update(`sotto mailbox v1\0${app}\0${address.user}\0${address.device}\0${address.registration}`)
    .digest('hex');
  return formatUuid(digest) as MailboxId;
}

/**
 * What the relay remembers of an envelope id (DESIGN: dedupe): 16 bytes, keyed, so that what is left after the
 * acknowledgement does not tell who wrote to whom.
 */
export function dedupeDigest(
  key: Uint8Array,
  mailbox: MailboxId,
  sender: DeviceAddress,
  envelopeId: Uint8Array,
): Uint8Array {
  return createHmac('sha256', key)
    .update(`sotto dedupe v1\0${mailbox}\0${sender.user}\0${sender.device}\0${sender.registration}\0`)
    .update(envelopeId)
    .digest()
    .subarray(0, 16);
}

function formatUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
