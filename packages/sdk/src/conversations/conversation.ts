import type { Aci } from '@sotto/protocol';

import type { LiveQuery } from '../history/live-query.js';
import { aciOf, directConversationId } from '../content/content.js';
import { textFits, type ReceiptType } from '../content/kinds.js';
import { isPending, pendingHlc } from '../content/position.js';
import { SottoError } from '../errors.js';
import {
  enqueue,
  ensureConversation,
  largestHlc,
  messageOutboxId,
  receiptOutboxId,
  touchConversation,
} from '../history/rows.js';
import {
  THIS_DEVICE,
  type ConversationRow,
  type HistoryRows,
  type MessageRow,
  type OutboxRow,
} from '../history/schema.js';
import type { WriteTransaction } from '../storage/tables.js';
import { randomId } from '../util/random.js';
import type { Front } from './front.js';
import { parseMessageKey, toMessage } from './to-message.js';
import type { Conversation, Message } from './types.js';

/** How many of the newest messages `messages` starts with, and how many `loadEarlier` adds. */
const PAGE = 100;

type Transaction = WriteTransaction<Pick<HistoryRows, 'conversations' | 'messages' | 'outbox'>>;

/** A direct conversation, as a tab sees it: reads history, writes history and outbox. Touches no key and no socket. */
export class DirectConversation implements Conversation {
  #shown = PAGE;
  readonly messages: LiveQuery<'messages', readonly Message[]>;
  readonly #front: Front;
  readonly #id: string;
  readonly #peerAci: Aci;

  constructor(
    front: Front,
    readonly user: string,
  ) {
    this.#front = front;
    this.#peerAci = aciOf(front.app, user);
    this.#id = directConversationId(front.user, this.#peerAci);
    this.messages = front.live(['messages'], [], async (transaction): Promise<readonly Message[]> => {
      const rows = await transaction.range('messages', { ...this.#everything(), reverse: true, limit: this.#shown });
      return rows.reverse().map((row) => this.#toMessage(row));
    });
  }

  async send(text: string): Promise<void> {
    if (text === '') throw new SottoError('text-empty');
    if (!textFits(text)) throw new SottoError('text-too-long');
    const { user, clock, random } = this.#front;
    const at = clock.now();
    await this.#write(async (transaction) => {
      const conversation = await ensureConversation(transaction, this.#id, this.#peerAci, this.user);
      if (conversation.answered === 0) await this.#firstAnswer(transaction, conversation);
      const row: MessageRow = {
        conversation: this.#id,
        user,
        id: randomId(random),
        device: THIS_DEVICE,
        hlc: pendingHlc(at, await largestHlc(transaction, this.#id, true)),
        at,
        unread: 0,
        status: 'pending',
        failure: null,
        counter: 0,
        body: { kind: 'text', text, raw: null },
      };
      await transaction.put('messages', row);
      await this.#enqueueMessage(transaction, row, text);
    });
  }

  async loadEarlier(count = PAGE): Promise<boolean> {
    const total = await this.#front.read(['messages'], (transaction) =>
      transaction.count('messages', this.#everything()),
    );
    if (total <= this.#shown) return false;
    this.#shown += count;
    this.messages.restart();
    return true;
  }

  async markRead(): Promise<void> {
    const { clock } = this.#front;
    await this.#write(async (transaction) => {
      const unread = await transaction.range('messages', {
        index: 'unread',
        lower: [this.#id, 1],
        upper: [this.#id, 1, []],
      });
      const conversation = await transaction.get('conversations', [this.#id]);
      if (!conversation || unread.length === 0) return;
      const tell = this.#front.tellsReceipts(conversation.answered === 1);
      for (const row of unread) {
        await transaction.put('messages', { ...row, unread: 0 });
        if (tell && row.body.kind === 'text') await this.#enqueueRead(transaction, row.id);
      }
      const last = unread.at(-1);
      if (!last || isPending(last.hlc)) return;
      const id = `read-mark:${this.#id}:${last.hlc}`;
      const item: OutboxRow['item'] = { type: 'read-mark', hlc: last.hlc, id: last.id };
      await enqueue(transaction, { id, conversation: this.#id, peer: this.user, item }, clock.now());
    });
  }

  async retry(messageId: string): Promise<void> {
    const key = parseMessageKey(messageId);
    await this.#write(async (transaction) => {
      const row = key && (await transaction.get('messages', [this.#id, key.user, key.id, key.device]));
      if (!row) throw new SottoError('message-unknown');
      if (row.status !== 'failed' || row.body.kind !== 'text') return;
      const hlc = pendingHlc(this.#front.clock.now(), await largestHlc(transaction, this.#id, true));
      const again: MessageRow = { ...row, status: 'pending', failure: null, hlc };
      await transaction.put('messages', again);
      await this.#enqueueMessage(transaction, again, row.body.text);
    });
  }

  /** From now on the other user may know what was delivered and read here: also what came before the answer. */
  async #firstAnswer(transaction: Transaction, conversation: ConversationRow): Promise<void> {
    await transaction.put('conversations', { ...conversation, answered: 1 });
    if (this.#front.tellsReceipts(false) || !this.#front.tellsReceipts(true)) return;
    const rows = await transaction.range('messages', { ...this.#everything(), reverse: true, limit: PAGE });
    for (const row of rows.reverse()) {
      if (row.user !== this.#peerAci || row.body.kind !== 'text') continue;
      await this.#enqueueReceipt(transaction, row.unread === 1 ? 'delivered' : 'read', row.id);
    }
  }

  async #enqueueMessage(transaction: Transaction, row: MessageRow, text: string): Promise<void> {
    const item: OutboxRow['item'] = { type: 'message', messageId: row.id, at: row.at, content: { kind: 'text', text } };
    await enqueue(
      transaction,
      { id: messageOutboxId(row.id), conversation: this.#id, peer: this.user, item },
      this.#front.clock.now(),
    );
    await touchConversation(transaction, this.#id);
  }

  /** `read` says `delivered` too: a receipt of that which has not left yet is not needed any more. */
  async #enqueueRead(transaction: Transaction, messageId: string): Promise<void> {
    await transaction.delete('outbox', [receiptOutboxId('delivered', this.#id, messageId)]);
    await this.#enqueueReceipt(transaction, 'read', messageId);
  }

  async #enqueueReceipt(transaction: Transaction, receipt: ReceiptType, messageId: string): Promise<void> {
    const id = receiptOutboxId(receipt, this.#id, messageId);
    const item: OutboxRow['item'] = { type: 'receipt', receipt, messageId };
    await enqueue(transaction, { id, conversation: this.#id, peer: this.user, item }, this.#front.clock.now());
  }

  #write<V>(work: (transaction: Transaction) => Promise<V>): Promise<V> {
    return this.#front.write(['conversations', 'messages', 'outbox'], work);
  }

  #everything() {
    return { index: 'position', lower: [this.#id], upper: [this.#id, []] } as const;
  }

  #toMessage(row: MessageRow): Message {
    return toMessage(row, { user: this.#front.user, name: this.#front.userName }, this.user);
  }
}
