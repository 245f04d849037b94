import { aciOf } from '../content/content.js';
import { STANDARD_KINDS } from '../content/kinds.js';
import { Front } from '../conversations/front.js';
import { loadLater } from '../conversations/later.js';
import { systemClock } from '../util/clock.js';
import { broadcastTabChannel, localTabChannel } from '../util/tab-channel.js';
import { randomId, systemRandom } from '../util/random.js';
import { inWorker } from '../worker/in-worker.js';
import { Client } from './client.js';
import { openDatabases, type Databases } from './databases.js';
import { leadAlone, startElection } from './election.js';
import { enginePlace, type EnginePlace } from './engine-place.js';
import type { EngineSetup, PagePorts } from './lead-here.js';
import { namesFor } from './names.js';
import { parseOptions, type ParsedOptions } from './options.js';
import type { ClientOptions, SottoClient } from './types.js';
import { askToPersist } from './storage-info.js';
import { shareUnstored } from './unstored.js';

/**
 * Opens the chat of one user on this device. Works offline: what is stored can be read, and what is sent goes out later.
 *
 * @throws SottoError `bad-options`, `storage-failed`
 */
export async function createClient(options: ClientOptions): Promise<SottoClient> {
  const { storage, token, worker: startWorker, ...identity } = parseOptions(options);
  const setup = setupOf(identity);
  const { names } = setup;
  const shared = storage === 'indexeddb';
  const unstored = shareUnstored(shared ? names.channel : null, (status) => client.showUnstored(status));
  const ports: PagePorts = { token, onUnstored: unstored.tell };

  // Under way while the databases open. A tab shows its history without it.
  const worker = shared && startWorker ? inWorker(startWorker, setup, ports) : null;
  let onHistoryLost: () => void = () => undefined;
  const databases = await openDatabases(storage, names, () => onHistoryLost(), worker?.otherHalf ?? null).catch(
    async (error: unknown) => {
      unstored.close();
      await worker?.end();
      throw error;
    },
  );
  const openTabChannel = shared ? broadcastTabChannel(names.presence) : localTabChannel();
  const engine = enginePlace(worker, setup, databases, openTabChannel, ports);
  const election = shared
    ? startElection(names.lock, names.channel, systemClock, engine.lead)
    : leadAlone(systemClock, engine.lead);
  const front = new Front({
    ...setup,
    kinds: STANDARD_KINDS,
    history: databases.history,
    clock: systemClock,
    random: systemRandom,
    channel: openTabChannel(),
    storeElsewhere: engine.store,
  });
  const stop = async (): Promise<void> => {
    stopFetching();
    await election.stop();
    unstored.close();
  };
  const client = new Client(front, {
    close: async () => {
      await stop();
      await engine.end();
      await databases.release();
    },
    destroy: async () => {
      await stop();
      await engine.unregister().catch(() => undefined);
      await engine.end();
      await destroyAll(databases);
    },
  });
  const stopFetching = fetchTheRest(client, engine);
  onHistoryLost = () => void client.close();
  if (shared) front.onFirstMessage = () => void askToPersist().catch(() => undefined);
  return client;
}

function setupOf({
  app,
  user: userName,
  relay,
  receipts,
  identityChanges,
  profile,
}: Omit<ParsedOptions, 'storage' | 'token' | 'worker'>): EngineSetup {
  const names = namesFor({ app, user: userName, relay, profile });
  const user = aciOf(app, userName);
  return { app, userName, user, relay, receipts, identityChanges, names, tab: randomId(systemRandom) };
}

async function destroyAll({ history, openVault, release }: Databases): Promise<void> {
  const vault = await openVault(() => undefined);
  // History first: other tabs close when it goes, and then hold nothing of the vault.
  await history.destroy();
  await vault.destroy();
  await release();
}

/** The start is over by then. */
const FETCH_AFTER_MS = 5_000;

/**
 * Some seconds after the tab is online, what it may need later is fetched: a file that could not be had once, a browser may not
 * ask for again until the page is loaded anew, and after a deploy it may be gone.
 *
 * @returns what stops it
 */
function fetchTheRest(client: SottoClient, engine: EnginePlace): () => void {
  const fetchNow = (): void => {
    for (const part of [engine.fetchLater(), loadLater()]) part.catch(() => undefined);
  };
  let cancel: (() => void) | null = null;
  const unsubscribe = client.connection.subscribe(({ state }) => {
    if (state === 'online') cancel ??= systemClock.after(FETCH_AFTER_MS, fetchNow);
  });
  return () => {
    unsubscribe();
    cancel?.();
  };
}
