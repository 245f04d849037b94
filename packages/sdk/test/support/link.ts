import { generateKeyPair } from '@sotto/crypto';

import { openBox, sealBox } from '../../src/util/sealed-box.js';
import { systemRandom } from '../../src/util/random.js';
import { until, type Person } from './person.js';

/** What a device hands to a new one, without the passphrase around it: deriving its key takes seconds by design. */
export async function makeBundle(from: Person): Promise<Uint8Array> {
  const mine = generateKeyPair(systemRandom);
  return openBox(mine, await from.front.ask({ command: 'make-link', publicKey: mine.publicKey }));
}

export async function useBundle(bundle: Uint8Array, on: Person): Promise<void> {
  const status = await on.status(({ state }) => state === 'needs-device');
  if (status.state !== 'needs-device' || !status.publicKey) throw new Error('no device is needed');
  await on.front.ask({ command: 'link', box: await sealBox(status.publicKey, bundle, systemRandom) });
}

/** Makes the second browser a device of the same user; resolves when both know. */
export async function link(first: Person, second: Person): Promise<void> {
  await useBundle(await makeBundle(first), second);
  await second.online();
  await until(first.client.devices, (list) => list.length > 1);
}
