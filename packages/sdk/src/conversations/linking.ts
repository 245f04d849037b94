import { CryptoError, generateKeyPair } from '@sotto/crypto';
import { openWithPassphrase, sealWithPassphrase } from '@sotto/crypto/sealing';

import { SottoError } from '../errors.js';
import { openBox, sealBox } from '../util/sealed-box.js';
import type { Front } from './front.js';

/** A bundle for one further device, sealed by the passphrase. Opaque here: only an engine looks inside. */
export async function exportDevice(front: Front, passphrase: string): Promise<Uint8Array> {
  if (passphrase === '') throw new SottoError('wrong-passphrase');
  const { random } = front;
  const mine = generateKeyPair(random);
  const box = await front.ask({ command: 'make-link', publicKey: mine.publicKey });
  return sealWithPassphrase({ passphrase, plaintext: openBox(mine, box), random });
}

/** @param publicKey of this device's engine, which alone can open what is handed over through the database */
export async function linkWith(
  front: Front,
  publicKey: Uint8Array,
  sealed: Uint8Array,
  passphrase: string,
): Promise<void> {
  let bundle: Uint8Array;
  try {
    bundle = await openWithPassphrase({ passphrase, sealed });
  } catch (cause) {
    const isWrong = cause instanceof CryptoError && cause.code === 'wrong-passphrase';
    throw new SottoError(isWrong || passphrase === '' ? 'wrong-passphrase' : 'link-invalid', undefined, { cause });
  }
  await front.ask({ command: 'link', box: sealBox(publicKey, bundle, front.random) });
}
