import { startingWith } from '../storage/tables.js';
import type { PositionRow, SealedMessageRow, SealedPayloadRow, Vault } from '../vault/schema.js';
import type { Outgoing } from './outgoing.js';

/** A message that is sealed and not finished. */
export interface SealedCopy {
  readonly message: SealedMessageRow;
  readonly payloads: readonly SealedPayloadRow[];
}

/** What sealing finds in the vault. */
interface Before {
  readonly message: SealedMessageRow | undefined;
  readonly payloads: readonly SealedPayloadRow[];
  /** The conversation's last position. */
  readonly position: PositionRow | undefined;
}

/** Conversations whose last position is remembered: more only cost a read. */
const MAX_POSITIONS = 1_000;

/**
 * Which messages the vault holds sealed copies of, and the last positions, so that a message that is sealed for the first time
 * needs no reading. The vault stays the truth: another engine's writing makes every commit of this one fail, and a copy that
 * was forgotten here would be met by the `add` of the next.
 */
export class SealedMemory {
  /** Ids with a sealed copy, or perhaps one; null: not known. */
  #sealed: Set<string> | null = null;
  readonly #positions = new Map<string, PositionRow>();

  constructor(private readonly vault: Vault) {}

  async before({ id, conversation }: Outgoing): Promise<Before> {
    const position = this.#positions.get(conversation);
    if (position && this.#sealed?.has(id) === false) return { message: undefined, payloads: [], position };
    const read = await this.#read(id, conversation);
    if (read.position) this.#remember(read.position);
    return read;
  }

  all(): Promise<SealedCopy[]> {
    return this.vault.read(['sealedMessages', 'sealedPayloads'], async (transaction) => {
      const found = [];
      for (const message of await transaction.range('sealedMessages')) {
        found.push({ message, payloads: await transaction.range('sealedPayloads', startingWith(message.id)) });
      }
      this.#sealed = new Set(found.map(({ message }) => message.id));
      return found;
    });
  }

  /** Before the commit: whatever becomes of it, there may be a copy. */
  sealing({ id }: SealedMessageRow): void {
    this.#sealed?.add(id);
  }

  /** After the commit that has stored the message's position. */
  placed({ conversation, hlc }: SealedMessageRow): void {
    this.#remember({ conversation, hlc });
  }

  dropped(id: string): void {
    this.#sealed?.delete(id);
  }

  forget(): void {
    this.#sealed = null;
    this.#positions.clear();
  }

  #remember(row: PositionRow): void {
    if (this.#positions.size >= MAX_POSITIONS) this.#positions.clear();
    this.#positions.set(row.conversation, row);
  }

  #read(id: string, conversation: string): Promise<Before> {
    const tables = ['sealedMessages', 'sealedPayloads', 'positions'] as const;
    return this.vault.read(tables, async (transaction) => {
      const [message, payloads, position] = await Promise.all([
        transaction.get('sealedMessages', [id]),
        transaction.range('sealedPayloads', startingWith(id)),
        transaction.get('positions', [conversation]),
      ]);
      return { message, payloads, position };
    });
  }
}
