import type { NewMessage } from '../conversations/store-message.js';
import { nextTask } from '../util/breath.js';
import type { OpenTabChannel } from '../util/tab-channel.js';
import type { EngineInWorker } from '../worker/in-worker.js';
import type { Databases } from './databases.js';
import type { Lead } from './election.js';
import type { EngineSetup, PagePorts } from './lead-here.js';

/** Where the engine of a tab runs: its page, or a worker of that page. */
export interface EnginePlace {
  readonly lead: Lead;
  /** Stores a message there. False: it must be stored here, and may have been already. */
  readonly store: (message: NewMessage) => Promise<boolean>;
  /** Tells the relay that this device is going. */
  readonly unregister: () => Promise<void>;
  /** Fetches the parts of the engine that are needed later. */
  readonly fetchLater: () => Promise<void>;
  /** When nobody leads and nothing is stored any more. */
  readonly end: () => Promise<void>;
}

/** Keys, ratchets and network: two thirds of the SDK, in a chunk of their own. */
function loadEngine() {
  // In a page that is one file, evaluating it would come at once, in the task that builds the page.
  const loading = nextTask().then(() => import('./engine-module.js'));
  // Who needs it sees the failure; a tab that never leads does not.
  loading.catch(() => undefined);
  return loading;
}

/** In the worker while that is up, and else in the page. */
export function enginePlace(
  worker: EngineInWorker | null,
  setup: EngineSetup,
  databases: Databases,
  openTabChannel: OpenTabChannel,
  ports: PagePorts,
): EnginePlace {
  let page: EnginePlace | null = null;
  const here = (): EnginePlace => (page ??= inPage(setup, databases, openTabChannel, ports));
  if (!worker) return here();
  const place = async (): Promise<EnginePlace> => ((await worker.isUp()) ? worker : here());
  return {
    lead: async (resign) => (await place()).lead(resign),
    store: worker.store,
    unregister: async () => (await place()).unregister(),
    fetchLater: async () => (await place()).fetchLater(),
    end: worker.end,
  };
}

/** In this thread. What the engine needs is loaded at once; a tab shows its history without it. */
function inPage(
  setup: EngineSetup,
  databases: Databases,
  openTabChannel: OpenTabChannel,
  ports: PagePorts,
): EnginePlace {
  const loaded = loadEngine();
  // Where it could not be loaded the first time, the network may be back by now.
  const engine = () => loaded.catch(loadEngine);
  return {
    lead: async (resign) => (await engine()).leadHere(setup, databases, openTabChannel, ports)(resign),
    store: async () => false,
    unregister: async () => (await engine()).unregisterHere(setup, databases, ports),
    fetchLater: async () => (await engine()).fetchLater(),
    end: async () => undefined,
  };
}
