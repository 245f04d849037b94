import type { EngineContext } from './context.js';
import type { forgetOld } from './forgetting.js';
import type { introduce } from './introducing.js';
import type { applyKept } from './kept.js';
import type { makeLinkBundle, takeLinkBundle } from './linking.js';
import type { PresenceKeeper } from './presence.js';

/**
 * Parts of the engine that are not needed when it starts. They are fetched when they are, or some seconds after the tab is
 * online: presence and linking do not work without the network, so neither is missed where they cannot be had; what was kept waits
 * for the next engine then, and what is to be forgotten for the next hour.
 */
export interface LaterModules {
  readonly presence: () => Promise<{ readonly PresenceKeeper: typeof PresenceKeeper }>;
  readonly linking: () => Promise<{
    readonly makeLinkBundle: typeof makeLinkBundle;
    readonly takeLinkBundle: typeof takeLinkBundle;
  }>;
  readonly kept: () => Promise<{ readonly applyKept: typeof applyKept }>;
  readonly introducing: () => Promise<{ readonly introduce: typeof introduce }>;
  readonly forgetting: () => Promise<{ readonly forgetOld: typeof forgetOld }>;
}

// In one file: each further one costs the others bytes.
const load = () => import('./later-parts.js');

export const laterModules: LaterModules = {
  presence: load,
  linking: load,
  kept: load,
  introducing: load,
  forgetting: load,
};

/** Fetches them while they can be had: after a deploy the file may be gone. */
export async function fetchLater(): Promise<void> {
  await load();
}

/** What came before its kind was known: looked for at every start, and hardly ever there. */
export async function takeKept(context: EngineContext, { kept }: LaterModules): Promise<void> {
  const count = await context.history.read(['unknown'], (transaction) => transaction.count('unknown'));
  if (count > 0) await (await kept()).applyKept(context);
}
