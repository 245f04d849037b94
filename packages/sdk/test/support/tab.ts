import { Client } from '../../src/client/client.js';
import { STANDARD_KINDS } from '../../src/content/kinds.js';
import { Front } from '../../src/conversations/front.js';
import { startEngine, type Engine, type EngineOptions } from '../../src/engine/engine.js';
import { localTabChannel } from '../../src/util/tab-channel.js';
import { atHand } from './later.js';

/** What the simulation decides; everything else is as it usually is. */
export type TabPorts = Pick<
  EngineOptions,
  'app' | 'user' | 'userName' | 'history' | 'vault' | 'relay' | 'clock' | 'random'
> & {
  readonly preKeyStock: number;
};

/** The front of one tab on databases that it shares with others. */
export function tabFront({ app, user, userName, clock, random, history }: Omit<TabPorts, 'vault' | 'relay'>): Front {
  // Typing and presence are not part of the simulation: this channel leads nowhere.
  const channel = localTabChannel()();
  const kinds = STANDARD_KINDS;
  return new Front({ app, user, userName, clock, random, receipts: 'always', kinds, history, channel });
}

/** The public API on it. */
export function tabClient(front: Front): Client {
  return new Client(front, { close: async () => undefined, destroy: async () => undefined });
}

/** An engine in that tab. */
export function tabEngine(
  ports: TabPorts,
  { token, onSuperseded }: Pick<EngineOptions, 'token' | 'onSuperseded'>,
): Promise<Engine> {
  return startEngine({
    ...ports,
    kinds: STANDARD_KINDS,
    receipts: 'always',
    identityChanges: 'inform',
    openTabChannel: localTabChannel(),
    later: atHand,
    token,
    onSuperseded,
  });
}
