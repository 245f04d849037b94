import type { makeLinkBundle, takeLinkBundle } from './linking.js';
import type { PresenceKeeper } from './presence.js';

/**
 * Parts of the engine that are not needed when it starts. They are fetched when they are, or some seconds after the tab is
 * online: neither works without the network, so neither is missed where they cannot be had.
 */
export interface LaterModules {
  readonly presence: () => Promise<{ readonly PresenceKeeper: typeof PresenceKeeper }>;
  readonly linking: () => Promise<{
    readonly makeLinkBundle: typeof makeLinkBundle;
    readonly takeLinkBundle: typeof takeLinkBundle;
  }>;
}

export const laterModules: LaterModules = {
  presence: () => import('./presence.js'),
  linking: () => import('./linking.js'),
};
