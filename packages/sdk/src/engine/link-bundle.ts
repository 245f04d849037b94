import { base64Bytes } from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

/** Identities of contacts that a new device starts with, so that it need not trust on first use again. */
export const MAX_BUNDLE_PEERS = 5_000;

/**
 * What an existing device gives to a new one, sealed by a passphrase on its way: the user's identity, and a token with which
 * the relay lets one further device register. No history.
 */
const linkBundle = s.looseObject({
  v: s.literal(1),
  app: s.string(),
  user: s.string(),
  identityKey: base64Bytes(33),
  identityPrivateKey: base64Bytes(32),
  linkToken: base64Bytes(32),
  peers: s.array(s.object({ user: s.string(), identityKey: base64Bytes(33) })).check(s.maxLength(MAX_BUNDLE_PEERS)),
});
export type LinkBundle = s.Infer<typeof linkBundle>;

export function encodeLinkBundle(bundle: LinkBundle): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(s.encode(linkBundle, bundle)));
}

/** @returns null if the bytes are no bundle */
export function decodeLinkBundle(bytes: Uint8Array): LinkBundle | null {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    const parsed = s.safeParse(linkBundle, json);
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
