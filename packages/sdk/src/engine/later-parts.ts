/** Parts of the engine that are not needed when it starts (`later.ts`). */
export { forgetOld } from './forgetting.js';
export { introduce } from './introducing.js';
export { applyKept } from './kept.js';
export { makeLinkBundle, takeLinkBundle } from './linking.js';
export { PresenceKeeper } from './presence.js';
