import { RelayApi } from '../network/relay-api.js';
import type { RelayPort } from '../network/relay-port.js';
import type { Vault } from '../vault/schema.js';
import type { TokenSource } from './tokens.js';

/** Tells the relay that this device is going. Best effort: a device that cannot reach it is wiped all the same. */
export async function unregister(vault: Vault, relay: RelayPort, token: TokenSource): Promise<void> {
  const identity = await vault.read(['meta'], (transaction) => transaction.get('meta', ['identity']));
  if (identity?.name !== 'identity' || identity.stage === 'new') return;
  const api = new RelayApi(relay, async () => (await token()).trim());
  await api.removeSelf({ device: identity.device, secret: identity.secret }).catch(() => undefined);
}
