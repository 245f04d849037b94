import type { ConnectionStatus } from '../history/connection-status.js';
import type { EngineContext } from './context.js';

/** What is under our hands can change only as often as engines do. */
const MAX_TRIES = 3;

/** After this, what could not be stored is tried again: every tab shows the last word until there is a newer one. */
const RETRY_MS = 1_000;

/** The engine's word on the connection, for every tab to see. */
export class Status {
  #wanted: ConnectionStatus | null = null;
  #cancelRetry: () => void = () => undefined;
  /** Writes, in their order. */
  #writes: Promise<void> = Promise.resolve();
  readonly #context: EngineContext;
  readonly #onUnstored: (status: ConnectionStatus) => void;

  /** @param onUnstored told what could not be stored: a full disk takes not even the news that it is full */
  constructor(context: EngineContext, onUnstored: (status: ConnectionStatus) => void = () => undefined) {
    this.#context = context;
    this.#onUnstored = onUnstored;
  }

  publish(value: ConnectionStatus): void {
    if (sameStatus(this.#wanted, value)) return;
    this.#wanted = value;
    this.#write(value);
  }

  /** Resolves when everything so far is stored, or has failed. */
  settled(): Promise<void> {
    return this.#writes;
  }

  /** The last word. */
  async end(value: ConnectionStatus): Promise<void> {
    this.publish(value);
    await this.#writes;
    this.#cancelRetry();
  }

  #write(value: ConnectionStatus): void {
    this.#cancelRetry();
    this.#writes = this.#writes
      .then(() => writeStatus(this.#context, value))
      .catch(() => {
        if (this.#wanted !== value) return;
        this.#onUnstored(value);
        this.#cancelRetry = this.#context.clock.after(RETRY_MS, () => this.#write(value));
      });
  }
}

/**
 * Says how the connection is, while this engine leads. One that was frozen and robbed of the lead comes back with what was
 * true long ago: it must not have the last word.
 */
export async function writeStatus(
  { history, vault, epoch }: Pick<EngineContext, 'history' | 'vault' | 'epoch'>,
  value: ConnectionStatus,
): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const before = await history.read(['status'], (transaction) => transaction.get('status', ['connection']));
    const leader = await vault.read(['meta'], (transaction) => transaction.get('meta', ['epoch']));
    if (leader?.name !== 'epoch' || leader.epoch !== epoch) return;
    const written = await history.write(['status'], async (transaction) => {
      const now = await transaction.get('status', ['connection']);
      // Another engine has spoken since the vault was asked.
      if (now?.epoch !== before?.epoch) return false;
      await transaction.put('status', { name: 'connection', value, epoch });
      return true;
    });
    if (written) return;
  }
}

/** Saves a write, and every tab a wake-up, where nothing has changed. */
function sameStatus(a: ConnectionStatus | null, b: ConnectionStatus): boolean {
  return a !== null && JSON.stringify(a) === JSON.stringify(b);
}
