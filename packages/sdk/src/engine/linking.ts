import { generateKeyPair, keyPairFromPrivate } from '@sotto/crypto';
import type { Aci } from '@sotto/protocol';

import type { RelayApi } from '../network/relay-api.js';
import { equalBytes } from '../util/bytes.js';
import { openBox, sealBox } from '../util/sealed-box.js';
import { commitVault, type EngineContext } from './context.js';
import { decodeLinkBundle, encodeLinkBundle, MAX_BUNDLE_PEERS } from './link-bundle.js';
import type { LocalDevice } from './local-device.js';

/** @param publicKey of the tab that asked: only it can open the result. @throws RelayError */
export async function makeLinkBundle(
  context: EngineContext,
  api: RelayApi,
  local: LocalDevice,
  publicKey: Uint8Array,
): Promise<Uint8Array> {
  const { linkToken } = await api.makeLinkToken(local);
  const peers = await context.vault.read(['peers'], (transaction) =>
    transaction.range('peers', { limit: MAX_BUNDLE_PEERS }),
  );
  const { publicKey: identityKey, privateKey } = local.party.identityKeyPair;
  const bundle = encodeLinkBundle({
    v: 1,
    app: context.app,
    user: context.userName,
    identityKey,
    identityPrivateKey: privateKey,
    linkToken,
    peers: peers
      .filter(({ user }) => user !== context.user)
      .map(({ user, identityKey: key }) => ({ user, identityKey: key })),
  });
  return sealBox(publicKey, bundle, context.random);
}

/** Takes over the identity of a bundle; the registration that follows uses its token. False: it is not for this device. */
export async function takeLinkBundle(context: EngineContext, box: Uint8Array): Promise<boolean> {
  const row = await context.vault.read(['meta'], (transaction) => transaction.get('meta', ['identity']));
  if (row?.name !== 'identity' || row.stage !== 'new') return false;
  const bundle = decodeLinkBundle(openBox(row.identityKeyPair, box));
  if (bundle?.app !== context.app || bundle.user !== context.userName) return false;
  const identityKeyPair = keyPairFromPrivate(bundle.identityPrivateKey);
  if (!equalBytes(identityKeyPair.publicKey, bundle.identityKey)) return false;
  await commitVault(context, ['peers'], async (transaction) => {
    const { linkToken } = bundle;
    const signingKeyPair = generateKeyPair(context.random);
    const attempt = context.random(32);
    await transaction.put('meta', {
      name: 'identity',
      stage: 'new',
      identityKeyPair,
      signingKeyPair,
      attempt,
      linkToken,
    });
    for (const { user, identityKey } of bundle.peers) {
      if (!(await transaction.get('peers', [user])))
        await transaction.put('peers', { user: user as Aci, identityKey, list: null });
    }
  });
  return true;
}
