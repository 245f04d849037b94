import { CryptoError } from '@sotto/crypto';
import { ERROR_CODES } from '@sotto/protocol';

import type { ContentKind } from '../content/kind.js';
import { RelayError } from '../network/relay-error.js';
import type { RelaySocket } from '../network/relay-port.js';
import type { EngineContext } from './context.js';
import { Deferrals, type Waiting } from './deferrals.js';
import { DirectoryError, type Directory } from './directory.js';
import { Gathering } from './gathering.js';
import { IdentityHeld } from './identities.js';
import type { LocalDevice } from './local-device.js';
import { withdraw } from './outbox-ends.js';
import { readRound, type ConversationFacts, type Place } from './outbox-round.js';
import type { Outgoing } from './outgoing.js';
import type { Sealer } from './seal.js';
import { Submits } from './submits.js';

/**
 * Sends: takes outbox rows in order, seals each once, and hands it to {@link Submits}. Works while {@link online}; everything it
 * needs to go on later is in the two databases.
 */
export class Outbox {
  #local: LocalDevice | null = null;
  #running: Promise<void> | null = null;
  #again = false;
  /** Whether the vault may hold sealed messages that nothing is working on. */
  #resumeDue = true;
  /** Something had to wait when the plan was made, and need not now: it may stand before what the plan has. */
  #isPlanStale = false;
  /** Grows whenever identities change. */
  #identities = 0;
  /** Where the last message was sent: the next one probably goes there too. */
  #likely: Place | undefined;
  readonly #gathering: Gathering;
  readonly #deferrals: Deferrals;
  readonly #submits: Submits;
  readonly #context: EngineContext;
  readonly #sealer: Sealer;
  readonly #onFailure: (error: unknown) => void;

  /** @param onFailure told of what this cannot mend: storage failures, a lost leadership */
  constructor(context: EngineContext, sealer: Sealer, directory: Directory, onFailure: (error: unknown) => void) {
    this.#context = context;
    this.#sealer = sealer;
    this.#onFailure = onFailure;
    this.#gathering = new Gathering(context.clock, () => this.kick());
    this.#deferrals = new Deferrals(context.clock, () => {
      this.#resumeDue = true;
      this.#isPlanStale = true;
      this.kick();
    });
    this.#submits = new Submits(context, sealer, directory, this.#deferrals, {
      onOver: () => this.kick(),
      onLeft: () => (this.#resumeDue = true),
      onFailure,
    });
  }

  online(socket: RelaySocket, local: LocalDevice): void {
    this.#submits.online(socket);
    this.#local = local;
    this.#wakeAll();
    this.kick();
  }

  offline(): void {
    this.#submits.offline();
    this.#wakeAll();
  }

  /** While a backlog is coming in, receipts gather, so that they leave as one envelope per peer. */
  holdReceipts(held: boolean): void {
    this.#gathering.hold(held);
  }

  /** Somebody's identity, or what the person says of it, is not what it was: what was read of it counts no longer. */
  identitiesChanged(): void {
    this.#identities++;
    this.kick();
  }

  /** Rows were written, or null: any may have been. Those that are being worked on are looked at after that. */
  changed(rows: ReadonlySet<string | number> | null): void {
    if (rows !== null && [...rows].every((row) => this.#submits.rows.has(String(row)))) return;
    // A tab may have withdrawn what is sealed, as it does with a receipt that says less than another.
    this.#resumeDue ||= rows === null || [...rows].some((row) => this.#submits.sealedAs.has(String(row)));
    this.kick();
  }

  /** Something may have become possible: look again. */
  kick(): void {
    this.#again = true;
    this.#running ??= this.#run()
      .catch(this.#onFailure)
      .finally(() => {
        this.#running = null;
        if (this.#again && this.#submits.isOnline()) this.kick();
      });
  }

  /** Resolves when nothing is being sealed any more. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#again && this.#submits.isOnline()) {
      this.#again = false;
      if (this.#resumeDue) await this.#resume();
      const identities = this.#identities;
      this.#isPlanStale = false;
      const { plan, facts } = await this.#look();
      const [first] = plan;
      if (first) this.#likely = { conversation: first.conversation, peer: first.peer };
      for (const outgoing of plan) {
        if (!this.#submits.isOnline() || this.#submits.isFull()) break;
        if (this.#mayOvertake(outgoing)) break;
        if (this.#submits.has(outgoing.id) || this.#deferrals.has(outgoing.id)) continue;
        if (!this.#mustQueue(outgoing.conversation, outgoing.kind, outgoing.resend))
          await this.#send(outgoing, identities === this.#identities ? facts.get(outgoing.conversation) : undefined);
      }
    }
  }

  /**
   * A message gets its place when it is sealed. While one waits for that, what was written after it in the same conversation
   * waits behind it.
   */
  #mustQueue(conversation: string, kind: ContentKind, resend: Outgoing['resend']): boolean {
    return needsPlace({ kind, resend }) && this.#deferrals.holdsUnplaced(conversation);
  }

  /** Asked again after every await, as the wait of another may have ended meanwhile; the next look has both. */
  #mayOvertake(outgoing: Outgoing): boolean {
    return this.#isPlanStale && needsPlace(outgoing);
  }

  /** What may go now. A row that must wait for others to leave with is looked at again when it may leave. */
  #look() {
    const blocked = new Set([...this.#submits.rows, ...this.#deferrals.covered()]);
    const gathered = this.#gathering.take();
    return readRound(this.#context, this.#submits.sealedAs, this.#likely, (row, held) => {
      const kind = this.#context.kinds.get(row.kind);
      // A kind that only a newer tab knows waits for its engine.
      if (!kind || blocked.has(row.id) || this.#mustGather(kind, gathered)) return false;
      const toPeer = row.only ? row.only.user !== this.#context.user : kind.to.peer;
      return !(toPeer && held.has(row.conversation)) && !this.#mustQueue(row.conversation, kind, row.resend);
    });
  }

  #mustGather({ merging }: ContentKind, gathered: ReturnType<Gathering['take']>): boolean {
    if (!merging || gathered === 'open') return false;
    if (gathered === 'held') return true;
    const ms = this.#context.gatherMs ?? merging.gatherMs;
    if (merging.gatherMs === 0 || ms === 0) return false;
    this.#gathering.wait(ms);
    return true;
  }

  /**
   * What is sealed and not finished. While its outbox rows are there it goes their way, which looks at the device lists again;
   * where they are not, it is done but for a full device, or was withdrawn.
   */
  async #resume(): Promise<void> {
    this.#resumeDue = false;
    for (const { message, payloads } of await this.#sealer.unfinished()) {
      if (this.#submits.has(message.id) || this.#deferrals.has(message.id) || !this.#submits.isOnline()) continue;
      if (await this.#isPlanned(message)) {
        this.#submits.remember(message);
        continue;
      }
      const open = payloads.filter(({ stored }) => stored === 0);
      if (open.length > 0) this.#submits.start({ message, payloads: open, lists: new Map() });
      else await this.#submits.finish(message);
    }
  }

  /** Whether the outbox still asks for it. */
  #isPlanned({ covers }: Waiting): Promise<boolean> {
    return this.#context.history.read(['outbox'], async (transaction) => {
      const rows = await Promise.all(covers.map((id) => transaction.get('outbox', [id])));
      return rows.some((row) => row !== undefined);
    });
  }

  async #send(outgoing: Outgoing, facts: ConversationFacts | undefined): Promise<void> {
    const local = this.#local;
    if (!local) return;
    try {
      const outcome = await this.#sealer.seal(outgoing, local, facts);
      if (outcome === 'nothing') await this.#forget(outgoing);
      else if ('waitMs' in outcome) this.#deferrals.hold(outgoing, outcome.waitMs);
      else {
        this.#submits.remember(outcome.sealed.message);
        this.#submits.start(outcome.sealed);
      }
    } catch (error) {
      await this.#sealFailed(outgoing, error);
    }
  }

  async #sealFailed(outgoing: Outgoing, error: unknown): Promise<void> {
    if (error instanceof DirectoryError) {
      if (error.code !== 'old-device-list') return this.#submits.fail(outgoing, 'forged-keys');
      this.#defer(outgoing, null);
      return;
    }
    // It waits in the outbox; the person's word on the identity wakes it.
    if (error instanceof IdentityHeld) return;
    // One message that cannot be encrypted must not stop the others; only storage and leadership concern all.
    if (error instanceof CryptoError || error instanceof RangeError) return this.#submits.fail(outgoing, 'internal');
    if (!(error instanceof RelayError)) throw error;
    // An effect for someone who is gone is of no use to anyone, unless a message waits for them to come.
    const awaited = outgoing.kind.shows === 'message' || this.#deferrals.holdsUnplaced(outgoing.conversation);
    if (error.code === 'user-unknown' && !awaited) return this.#forget(outgoing);
    if (error.code === 'network' || error.transient || ERROR_CODES[error.code].retry === 'after-fix') {
      this.#defer(outgoing, error.retryAfterMs);
      return;
    }
    return this.#submits.fail(outgoing, error.code);
  }

  #defer(outgoing: Outgoing, asked: number | null): void {
    this.#deferrals.defer(outgoing, asked, needsPlace(outgoing) ? outgoing.conversation : null);
  }

  /** Something readable has come: requests may find a sound session now. */
  releaseHeld(): void {
    if (this.#deferrals.releaseHeld()) this.kick();
  }

  #wakeAll(): void {
    this.#deferrals.wakeAll();
    this.#resumeDue = true;
    this.#isPlanStale = true;
  }

  /** Nobody to send it to. */
  async #forget({ id, covers }: Waiting): Promise<void> {
    await withdraw(this.#context, covers);
    // Sealed for devices that are all gone, or for an identity that is another one now.
    if (covers.some((row) => this.#submits.sealedAs.has(row))) await this.#submits.finish({ id, covers }, 'void');
    this.#deferrals.forget(id);
  }
}

/** A message that comes again has its place already. */
function needsPlace({ kind, resend }: Pick<Outgoing, 'kind' | 'resend'>): boolean {
  return kind.shows === 'message' && resend === null;
}
