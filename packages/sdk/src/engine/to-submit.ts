import type { Aci, Submit } from '@sotto/protocol';

import type { SealedPayloadRow } from '../vault/schema.js';
import type { Sealed } from './seal.js';

/** Payloads grouped by recipient: the order in which the relay's outcomes come back. */
export function submitOrder(payloads: readonly SealedPayloadRow[]): SealedPayloadRow[] {
  return groupByUser(payloads).flatMap(([, rows]) => rows);
}

function groupByUser(payloads: readonly SealedPayloadRow[]): [Aci, SealedPayloadRow[]][] {
  const groups = new Map<Aci, SealedPayloadRow[]>();
  for (const row of payloads) groups.set(row.user, [...(groups.get(row.user) ?? []), row]);
  return [...groups];
}

/**
 * What the relay is asked for: the payloads that it has not stored yet, for the devices they were sealed for. A list that is
 * followed is named also where it asks for no payload, as an own list does that holds this device alone: the relay compares it,
 * and a device that has joined meanwhile is not left out.
 */
export function toSubmit({ message, payloads, lists }: Sealed, open: readonly SealedPayloadRow[]): Submit {
  const order = submitOrder(open);
  const whole = open.length === payloads.length;
  const groups = new Map(groupByUser(open));
  for (const user of whole ? lists.keys() : []) if (!groups.has(user)) groups.set(user, []);
  return {
    id: message.envelopeId,
    sealing: Math.max(...open.map(({ sealing }) => sealing)),
    payloads: order.map(({ payload }) => payload),
    recipients: [...groups].map(([user, rows]) => ({
      user,
      list: lists.get(user) ?? 1,
      devices: rows.map((row) => ({
        device: row.device,
        registration: row.registration,
        payload: order.indexOf(row),
      })),
      complete: whole && lists.has(user),
    })),
  };
}
