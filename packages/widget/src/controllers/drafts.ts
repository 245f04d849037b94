import type { SottoClient } from '@sotto/sdk';

// In memory only: a draft on disk would be plaintext outside the client's own storage.
const draftsByClient = new WeakMap<SottoClient, Map<string, string>>();

/** What was typed and not sent, per client and user. Survives the element being moved, removed and made again. */
export function draftFor(client: SottoClient, user: string): string {
  return draftsByClient.get(client)?.get(user) ?? '';
}

export function keepDraft(client: SottoClient, user: string, text: string): void {
  const drafts = draftsByClient.get(client) ?? new Map<string, string>();
  draftsByClient.set(client, drafts);
  if (text === '') drafts.delete(user);
  else drafts.set(user, text);
}
