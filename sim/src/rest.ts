import type { DeviceRef } from '@sotto/sdk/testing';

import type { Device } from './client/device.js';
import type { Owner } from './client/owner.js';
import type { Cluster } from './relay/cluster.js';
import { APP } from './relay/tokens.js';

/** What is still to be done, in words; empty: nothing. */
export async function whatIsOpen(
  cluster: Cluster,
  owners: readonly Owner[],
  devices: readonly Device[],
): Promise<string> {
  const chores = owners.flatMap(({ open }) => open);
  if (chores.length > 0) return chores.join(', ');
  const lost = devices.filter(({ isLost }) => isLost).map(({ address }) => address);
  const { envelopes } = await cluster.disk.inside.inspect(APP);
  const waiting = envelopes
    .map(({ mailbox: { user, device, registration } }) => `${user}.${device}.${registration}`)
    .filter((address) => !lost.includes(address));
  if (waiting.length > 0) return `envelopes in mailboxes: ${waiting.join(' ')}`;
  for (const device of devices) {
    const open = device.isLost ? '' : await openOf(device, lost);
    if (open !== '') return `${device.name}: ${open}`;
  }
  return '';
}

async function openOf(device: Device, lost: readonly (string | null)[]): Promise<string> {
  const { history, vault } = device;
  const status = await history.tables.read(['status'], (transaction) => transaction.get('status', ['connection']));
  const state = status?.value.state;
  // Removed, and neither used again nor wished back.
  if (device.wiped > 0 && !device.account && (state === 'signed-out' || state === 'needs-device')) return '';
  if (state !== 'online') return JSON.stringify(status?.value ?? null);
  // What waits for a device that never comes, and whose mailbox is full, waits for ever.
  const isLost = (one: DeviceRef): boolean => lost.includes(`${one.user}.${one.device}.${one.registration}`);
  const outbox = (await history.tables.read(['outbox'], (transaction) => transaction.range('outbox'))).filter(
    ({ only }) => !only || !isLost(only),
  );
  if (outbox.length > 0) return `outbox ${outbox.map(({ id }) => id.split(':')[0] ?? '').join(' ')}`;
  const sealed = await vault.tables.read(['sealedMessages', 'sealedPayloads'], async (transaction) => {
    const payloads = await transaction.range('sealedPayloads');
    const waits = (id: string): boolean => {
      const open = payloads.filter(({ message, stored }) => message === id && stored === 0);
      return open.length > 0 && open.every(isLost);
    };
    return (await transaction.range('sealedMessages')).filter(({ id }) => !waits(id)).length;
  });
  return sealed > 0 ? `${sealed} sealed messages` : '';
}
