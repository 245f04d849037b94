import type { NewMessage } from '../conversations/store-message.js';
import type { EngineSetup } from '../client/lead-here.js';
import type { ConnectionStatus } from '../history/connection-status.js';
import type { Announcement } from '../storage/announcer.js';
import type { PageEvent } from '../util/page-events.js';

/** What a page asks of its worker. */
export interface WorkerCalls {
  ping(): void;
  /** Comes first. */
  open(setup: EngineSetup): Promise<void>;
  /** Leads until {@link stop}; `term` is what it resigns by. */
  lead(term: number): Promise<void>;
  stop(): Promise<void>;
  store(message: NewMessage): Promise<void>;
  unregister(): Promise<void>;
  fetchLater(): Promise<void>;
  /** The page writes to the history. */
  changed(said: Announcement): void;
  happened(event: PageEvent): void;
}

/** What a worker asks of its page. */
export interface PageCalls {
  token(): Promise<string>;
  /** The worker writes to the history. */
  changed(said: Announcement): void;
  unstored(status: ConnectionStatus): void;
  resign(term: number): void;
}
