import { ERROR_CODES, type Aci, type ErrorBody, type Outcome, type SubmitReply } from '@sotto/protocol';

import type { SendFailure } from '../history/message-state.js';
import { RelayError } from '../network/relay-error.js';
import type { RelaySocket } from '../network/relay-port.js';
import type { SealedMessageRow, SealedPayloadRow, SentRow } from '../vault/schema.js';
import type { EngineContext } from './context.js';
import type { Deferrals, Waiting } from './deferrals.js';
import { DirectoryError, type Directory } from './directory.js';
import { dropSealed, markFailed, markSent, noteStored } from './outbox-ends.js';
import type { Sealed, Sealer } from './seal.js';
import { submitOrder, toSubmit } from './to-submit.js';

/** Submits under way at once: enough to keep the relay's batches full, few enough that a lost socket repeats little. */
const MAX_IN_FLIGHT = 32;

/** How long after a lost answer the same bytes are submitted again, should the socket have survived. */
const LOST_ANSWER_MS = 1_000;

/** What happens here, and concerns the outbox. */
interface Hooks {
  /** A submit is over: something else may go. */
  readonly onOver: () => void;
  /** The vault may hold something sealed that nothing is working on. */
  readonly onLeft: () => void;
  /** Told of what this cannot mend: storage failures, a lost leadership. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * What is sealed, on its way: submits it until the relay has stored it, marks it sent in history, and only then drops the sealed
 * copy.
 */
export class Submits {
  #socket: RelaySocket | null = null;
  readonly #busy = new Set<string>();
  readonly #busyRows = new Set<string>();
  readonly #sealedAs = new Map<string, string>();
  readonly #context: EngineContext;
  readonly #sealer: Sealer;
  readonly #directory: Directory;
  readonly #deferrals: Deferrals;
  readonly #hooks: Hooks;

  constructor(context: EngineContext, sealer: Sealer, directory: Directory, deferrals: Deferrals, hooks: Hooks) {
    this.#context = context;
    this.#sealer = sealer;
    this.#directory = directory;
    this.#deferrals = deferrals;
    this.#hooks = hooks;
  }

  online(socket: RelaySocket): void {
    this.#socket = socket;
  }

  offline(): void {
    this.#socket = null;
  }

  /** Asked again after every await: the socket may be gone by then. */
  isOnline(): boolean {
    return this.#socket !== null;
  }

  /** So many are under way that more have to wait. */
  isFull(): boolean {
    return this.#busy.size >= MAX_IN_FLIGHT;
  }

  /** Whether a submit of the message is under way. */
  has(id: string): boolean {
    return this.#busy.has(id);
  }

  /** The outbox rows of all that is under way. */
  get rows(): ReadonlySet<string> {
    return this.#busyRows;
  }

  /** By outbox row: the message that it was sealed as, while that is not finished. */
  get sealedAs(): ReadonlyMap<string, string> {
    return this.#sealedAs;
  }

  /** From now on its outbox rows are known to be sealed. */
  remember({ id, covers }: Waiting): void {
    for (const row of covers) this.#sealedAs.set(row, id);
  }

  /** Submits beside others; its rows are not looked at again until that is over. */
  start(sealed: Sealed): void {
    const { message } = sealed;
    this.#busy.add(message.id);
    for (const row of message.covers) this.#busyRows.add(row);
    this.#context.underWay
      .track(this.#submit(sealed))
      .catch((error: unknown) => {
        // The answer was lost. Usually the socket is too, and the next one wakes this up before its time.
        if (error instanceof RelayError) this.#deferrals.defer(message, LOST_ANSWER_MS);
        else this.#hooks.onFailure(error);
      })
      .finally(() => {
        this.#busy.delete(message.id);
        for (const row of message.covers) this.#busyRows.delete(row);
        this.#hooks.onOver();
      });
  }

  /** The sealed copy may go, after history has heard. */
  async finish({ id, covers }: Waiting, sent: SentRow['state'] = 'kept'): Promise<void> {
    await dropSealed(this.#context, id, sent);
    this.#sealer.dropped(id);
    this.#deferrals.forget(id);
    for (const row of covers) this.#sealedAs.delete(row);
  }

  /** History says why it has failed; the sealed copy, if there is one, goes. */
  async fail(message: Pick<SealedMessageRow, 'id' | 'conversation' | 'covers'>, failure: SendFailure): Promise<void> {
    await markFailed(this.#context, message, failure);
    await this.finish(message, 'void');
  }

  async #submit(sealed: Sealed): Promise<void> {
    const open = sealed.payloads.filter(({ stored }) => stored === 0);
    if (!this.#socket) return;
    // Stored in an earlier life, which ended before it could say so.
    if (open.length === 0) {
      await markSent(this.#context, sealed.message);
      return this.finish(sealed.message);
    }
    const reply = await this.#socket.submit(toSubmit(sealed, open));
    if (reply.ok) await this.#stored(sealed, open, reply);
    else await this.#refused(sealed, reply.error);
  }

  async #stored(
    { message }: Sealed,
    open: readonly SealedPayloadRow[],
    { outcomes }: Extract<SubmitReply, { ok: true }>,
  ): Promise<void> {
    const rows = submitOrder(open);
    const was = (wanted: Outcome): SealedPayloadRow[] => rows.filter((_, i) => outcomes[i] === wanted);
    const stored = [...was('stored'), ...was('duplicate')];
    const [gone, full] = [was('device-gone'), was('mailbox-full')];
    // The rule, with a commit less: should this life end before the second, the next one submits the same bytes again.
    if (stored.length === rows.length) {
      await markSent(this.#context, message);
      return this.finish(message);
    }
    await noteStored(this.#context, stored, gone);
    const { user } = this.#context;
    const forPeer = (row: SealedPayloadRow): boolean => row.user !== user;
    const reached = stored.some(forPeer) || (rows.length > 0 && !rows.some(forPeer));
    if (reached) await markSent(this.#context, message);
    if (full.length > 0) {
      this.#deferrals.defer(message, null);
      return;
    }
    if (reached) return this.finish(message);
    await this.#refreshAfterLoss(message, new Set(gone.map((row) => row.user)));
  }

  async #refused({ message }: Sealed, error: ErrorBody): Promise<void> {
    if (error.code === 'stale-device-list') {
      return this.#refreshAfterLoss(message, new Set((error.stale ?? []).map(({ user }) => user)));
    }
    if (ERROR_CODES[error.code].retry === 'never') return this.fail(message, error.code);
    this.#deferrals.defer(message, error.retryAfterMs ?? null);
  }

  /** The recipients' devices are not what we sealed for: look again. A changed identity withdraws the message meanwhile. */
  async #refreshAfterLoss(message: SealedMessageRow, users: ReadonlySet<Aci>): Promise<void> {
    for (const user of users) {
      try {
        await this.#directory.refresh(user);
      } catch (error) {
        const isDirectory = error instanceof DirectoryError;
        if (isDirectory && error.code !== 'old-device-list') return this.fail(message, 'forged-keys');
        if (!isDirectory && !(error instanceof RelayError)) throw error;
        this.#deferrals.defer(message, isDirectory ? null : error.retryAfterMs);
        return;
      }
    }
    // Should its outbox rows be gone meanwhile, nothing but this leads back to it. Not before: a look in between would spend it.
    this.#hooks.onLeft();
    this.#deferrals.deferUnlessFirst(message);
  }
}
