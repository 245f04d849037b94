import { makeBundle, takeBundle } from './bundle.js';
import { until, type Person } from './person.js';

export async function useBundle(bundle: Uint8Array, on: Person): Promise<void> {
  const status = await on.status(({ state }) => state === 'needs-device');
  if (status.state !== 'needs-device' || !status.publicKey) throw new Error('no device is needed');
  await takeBundle(on, status.publicKey, bundle);
}

/** Makes the second browser a device of the same user; resolves when both know. */
export async function link(first: Person, second: Person): Promise<void> {
  await useBundle(await makeBundle(first), second);
  await second.online();
  await until(first.client.devices, (list) => list.length > 1);
}
