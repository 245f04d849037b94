import type { Aci, AppId } from '@sotto/protocol';

import type { Kinds } from '../content/kind.js';
import { SottoError } from '../errors.js';
import { LiveQuery, type Query } from '../history/live-query.js';
import { tellsReceipts, type ReceiptPolicy } from '../history/receipt-policy.js';
import type { AnswerRow, Command, History, HistoryRows } from '../history/schema.js';
import { Screen } from '../presence/screen.js';
import type { ReadTransaction, WriteTransaction } from '../storage/tables.js';
import { StorageError } from '../storage/storage-error.js';
import type { Clock } from '../util/clock.js';
import { randomId, type RandomBytes } from '../util/random.js';
import type { TabChannel } from '../util/tab-channel.js';
import { storeMessage, type NewMessage } from './store-message.js';

type Table = keyof HistoryRows;

/** An engine that leads answers at once, but for the relay's part in it. */
const ANSWER_WITHIN_MS = 60_000;

/** What the front of a tab works with. */
export interface FrontPorts {
  readonly app: AppId;
  readonly user: Aci;
  readonly userName: string;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly receipts: ReceiptPolicy;
  readonly kinds: Kinds;
  readonly history: History;
  /** To the engine, for what is not stored. */
  readonly channel: TabChannel;
  /** Stores a message elsewhere than in this thread. False: it must be stored here, and may have been already. */
  readonly storeElsewhere?: (message: NewMessage) => Promise<boolean>;
}

/** What conversations work with: the history database, with storage failures in the SDK's own words. */
export class Front {
  #closed = false;
  /** Called once, when a person has stored a first message through this. */
  onFirstMessage: () => void = () => undefined;
  readonly #whenClosed = new Set<() => void>();
  readonly screen: Screen;
  readonly #lives = new Set<LiveQuery<Table, unknown>>();

  constructor(private readonly ports: FrontPorts) {
    this.screen = new Screen(ports.channel, ports.clock, randomId(ports.random));
  }

  get app(): AppId {
    return this.ports.app;
  }

  get user(): Aci {
    return this.ports.user;
  }

  get userName(): string {
    return this.ports.userName;
  }

  get clock(): Clock {
    return this.ports.clock;
  }

  get random(): RandomBytes {
    return this.ports.random;
  }

  get kinds(): Kinds {
    return this.ports.kinds;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  tellsReceipts(answered: boolean): boolean {
    return tellsReceipts(this.ports.receipts, answered);
  }

  read<T extends Table, V>(
    tables: readonly T[],
    work: (transaction: ReadTransaction<Pick<HistoryRows, T>>) => Promise<V>,
  ): Promise<V> {
    return this.#guarded(() => this.ports.history.read(tables, work));
  }

  write<T extends Table, V>(
    tables: readonly T[],
    work: (transaction: WriteTransaction<Pick<HistoryRows, T>>) => Promise<V>,
  ): Promise<V> {
    return this.#guarded(() => this.ports.history.write(tables, work));
  }

  storeMessage(message: NewMessage): Promise<void> {
    const { history, storeElsewhere } = this.ports;
    return this.#guarded(async () => {
      if (!(await storeElsewhere?.(message))) await storeMessage(history, this.ports, message);
    });
  }

  /**
   * Asks the engine, wherever it runs.
   *
   * @throws SottoError with the engine's code; `timed-out` when no engine answers in time; `closed`
   */
  async ask(command: Command): Promise<Uint8Array> {
    const id = randomId(this.random);
    await this.write(['commands'], (transaction) => transaction.put('commands', { ...command, id }));
    const answer = await this.#answer(id);
    if (!answer) throw new SottoError(this.#closed ? 'closed' : 'timed-out');
    await this.write(['answers'], (transaction) => transaction.delete('answers', [id]));
    if (answer.code !== null) throw new SottoError(answer.code);
    return answer.result;
  }

  /** Null when none comes in time, or the client is closed first. */
  async #answer(id: string): Promise<AnswerRow | null> {
    let end: () => void = () => undefined;
    try {
      return await new Promise<AnswerRow | null>((resolve, reject) => {
        const giveUp = (): void => resolve(null);
        const cancel = this.clock.after(ANSWER_WITHIN_MS, giveUp);
        const observation = this.ports.history.observe(
          ['answers'],
          (transaction) => transaction.get('answers', [id]),
          (row) => row && resolve(row),
          reject,
        );
        const forget = this.whenClosed(giveUp);
        end = () => {
          forget();
          cancel();
          observation.end();
        };
      });
    } finally {
      end();
    }
  }

  /** A live value; it goes silent when the client is closed. */
  live<T extends Table, V>(tables: readonly T[], initial: V, query: Query<T, V>): LiveQuery<T, V> {
    // A failing query keeps its last value: the failure shows in `connection` and in the next write.
    const live = new LiveQuery(this.ports.history, tables, initial, query, () => undefined);
    this.#lives.add(live as unknown as LiveQuery<Table, unknown>);
    return live;
  }

  /** Calls `changed` when a transaction in any tab writes to the table, or may have. Returns the function that ends it. */
  watch(table: Table, changed: () => void): () => void {
    return this.ports.history.watch(table, changed);
  }

  /** Calls `run` when the client is closed. Returns the function that takes that back. */
  whenClosed(run: () => void): () => void {
    this.#whenClosed.add(run);
    return () => this.#whenClosed.delete(run);
  }

  messageStored(): void {
    const first = this.onFirstMessage;
    this.onFirstMessage = () => undefined;
    first();
  }

  close(): void {
    if (!this.#closed) this.screen.close();
    this.#closed = true;
    for (const run of this.#whenClosed) run();
    for (const live of this.#lives) live.close();
  }

  async #guarded<V>(work: () => Promise<V>): Promise<V> {
    if (this.#closed) throw new SottoError('closed');
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (error.code === 'storage-closed') throw new SottoError('closed', undefined, { cause: error });
      throw new SottoError(error.code === 'storage-full' ? 'storage-full' : 'storage-failed', undefined, {
        cause: error,
      });
    }
  }
}
