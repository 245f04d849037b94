/** The app's own login, whatever it is. Here: a cookie whose value the app's session store knows. */
export interface SessionStore {
  /** The user's lasting id, or null: nobody is logged in. Never an e-mail or a name that may change or be given to another. */
  userIdOf(sessionId: string): Promise<string | null>;
}

export function sessionIdIn(cookies: string | null | undefined): string {
  return /(?:^|;\s*)session=([^;]+)/.exec(cookies ?? '')?.[1] ?? '';
}
