import { mintToken } from '@sotto/relay/token';

import type { SessionStore } from './session.js';

export interface Settings {
  /** From `sotto-relay app create`; both belong into the backend's environment, never into a page. */
  app: string;
  secret: string;
  sessions: SessionStore;
}

/**
 * The one decision that the relay leaves to the app: who is this? `sub` comes from the app's own session, never from
 * anything that the page sends: a route that took a user's name from the request would hand out everybody's mailbox.
 *
 * @returns null: nobody is logged in
 */
export async function tokenFor({ app, secret, sessions }: Settings, sessionId: string): Promise<string | null> {
  const user = await sessions.userIdOf(sessionId);
  return user === null ? null : mintToken({ app, user, key: secret });
}
