import type { LaterModules } from '../../src/engine/later.js';
import * as forgetting from '../../src/engine/forgetting.js';
import * as introducing from '../../src/engine/introducing.js';
import * as kept from '../../src/engine/kept.js';
import * as linking from '../../src/engine/linking.js';
import * as presence from '../../src/engine/presence.js';

/** All at hand: a story, or a simulated world, does not wait for files. */
export const atHand: LaterModules = {
  presence: async () => presence,
  linking: async () => linking,
  kept: async () => kept,
  introducing: async () => introducing,
  forgetting: async () => forgetting,
};
