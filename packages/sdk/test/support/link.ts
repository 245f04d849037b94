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
  await until(on.client.connection, (connection) => connection.state === 'needs-device');
  const row = await on.history.read(['status'], (transaction) => transaction.get('status', ['connection']));
  if (row?.value.state !== 'needs-device' || !row.value.publicKey) throw new Error('no device is needed');
  await on.front.ask({ command: 'link', box: await sealBox(row.value.publicKey, bundle, systemRandom) });
}

/** Makes the second browser a device of the same user; resolves when both know. */
export async function link(first: Person, second: Person): Promise<void> {
  await useBundle(await makeBundle(first), second);
  await second.online();
  await until(first.client.devices, (list) => list.length > 1);
}
