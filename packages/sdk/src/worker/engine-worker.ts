/** The worker in which the engine of a tab runs: the file that its page starts (`worker/in-worker.ts`). */
import { leadHere, unregisterHere, type EngineSetup, type PagePorts } from '../client/lead-here.js';
import { inBrowser, type Databases } from '../client/databases.js';
import type { Lead } from '../client/election.js';
import { STANDARD_KINDS } from '../content/kinds.js';
import { storeMessage } from '../conversations/store-message.js';
import { fetchLater } from '../engine/later.js';
import type { OtherHalf } from '../storage/announcer.js';
import { broadcastTabChannel } from '../util/tab-channel.js';
import { callsOver } from '../util/calls.js';
import type { PageCalls, WorkerCalls } from './worker-calls.js';

interface Open {
  readonly setup: EngineSetup;
  readonly databases: Databases;
  readonly lead: Lead;
}

let otherHalf: OtherHalf | null = null;
let opening: Promise<Open>;
let stopLeading: () => Promise<void> = async () => undefined;

const ports: PagePorts = {
  token: () => page.call('token'),
  onUnstored: (status) => page.tell('unstored', status),
};

async function open(setup: EngineSetup): Promise<Open> {
  const { names, tab } = setup;
  otherHalf = { tab, tell: (said) => page.tell('changed', said), hear: () => undefined };
  // The page sees it too, and ends its worker.
  const databases = await inBrowser(names, () => undefined, otherHalf);
  const lead = leadHere(setup, databases, broadcastTabChannel(names.presence), ports);
  return { setup, databases, lead };
}

const ours: WorkerCalls = {
  ping: () => undefined,
  open: async (setup) => {
    opening = open(setup);
    await opening;
  },
  lead: async (term) => {
    const leading = (await opening).lead(() => page.tell('resign', term));
    stopLeading = async () => (await leading)();
    await leading;
  },
  stop: () => stopLeading(),
  store: async (message) => {
    const { setup, databases } = await opening;
    await storeMessage(databases.history, { ...setup, kinds: STANDARD_KINDS }, message);
  },
  unregister: async () => {
    const { setup, databases } = await opening;
    await unregisterHere(setup, databases, ports);
  },
  fetchLater,
  changed: (said) => otherHalf?.hear(said),
  happened: (event) => void globalThis.dispatchEvent(new Event(event)),
};

const page = callsOver<PageCalls, WorkerCalls>(globalThis, ours);
