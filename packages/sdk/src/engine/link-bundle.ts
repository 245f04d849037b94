import { base64Bytes } from '@sotto/protocol';
import * as z from 'zod/mini';

/** Identities of contacts that a new device starts with, so that it need not trust on first use again. */
export const MAX_BUNDLE_PEERS = 5_000;

/**
 * What an existing device gives to a new one, sealed by a passphrase on its way: the user's identity, and a token with which
 * the relay lets one further device register. No history.
 */
const linkBundle = z.looseObject({
  v: z.literal(1),
  app: z.string(),
  user: z.string(),
  identityKey: base64Bytes(33),
  identityPrivateKey: base64Bytes(32),
  linkToken: base64Bytes(32),
  peers: z.array(z.object({ user: z.string(), identityKey: base64Bytes(33) })).check(z.maxLength(MAX_BUNDLE_PEERS)),
});
export type LinkBundle = z.infer<typeof linkBundle>;

export function encodeLinkBundle(bundle: LinkBundle): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(z.encode(linkBundle, bundle)));
}

/** @returns null if the bytes are no bundle */
export function decodeLinkBundle(bytes: Uint8Array): LinkBundle | null {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    const parsed = z.safeDecode(linkBundle, json as never);
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
