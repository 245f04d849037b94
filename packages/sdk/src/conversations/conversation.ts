import type { Aci } from '@sotto/protocol';

import { aciOf, directConversationId } from '../content/content.js';
import type { ContentKind } from '../content/kind.js';
import type { ReceiptType } from '../content/kinds/receipt.js';
import { text as textKind, textFits, type TextBody } from '../content/kinds/text.js';
import { pendingHlc } from '../content/position.js';
import { SottoError } from '../errors.js';
import { readMarkRows } from '../history/read-mark-row.js';
import { enqueue, largestHlc, receiptOutboxId, receiptRow, touchConversation } from '../history/rows.js';
import type { MessageRow } from '../history/schema.js';
import type { Live } from '../live.js';
import type { Presence } from '../presence/screen.js';
import { startingWith } from '../storage/tables.js';
import { randomId } from '../util/random.js';
import type { Front } from './front.js';
import { PeerIdentity } from './identity.js';
import { MessageWindow, WINDOW_PAGE } from './message-window.js';
import { NO_PROFILE, toProfile } from './profile.js';
import { enqueueMessage, isReceipted, MESSAGE_TABLES, type MessageTransaction } from './store-message.js';
import { messageKey, parseMessageKey, toMessage } from './to-message.js';
import type { Conversation, Edges, IdentityState, JumpTarget, Message, Profile, SafetyNumber } from './types.js';

/** A direct conversation, as a tab sees it: reads history, writes history and outbox. Touches no key and no socket. */
export class DirectConversation implements Conversation {
  readonly identity: Live<IdentityState>;
  readonly profile: Live<Profile>;
  readonly presence: Live<Presence>;
  readonly #window: MessageWindow;
  readonly #front: Front;
  readonly #id: string;
  readonly #peerAci: Aci;
  readonly #peerIdentity: PeerIdentity;

  constructor(
    front: Front,
    readonly user: string,
  ) {
    this.#front = front;
    this.#peerAci = aciOf(front.app, user);
    this.#id = directConversationId(front.user, this.#peerAci);
    this.#peerIdentity = new PeerIdentity(front, this.#peerAci);
    this.identity = this.#peerIdentity.state;
    this.profile = front.live(['profiles'], NO_PROFILE, async (transaction) =>
      toProfile(await transaction.get('profiles', [this.#peerAci])),
    );
    this.presence = front.screen.presence(user);
    this.#window = new MessageWindow(front, this.#id, (row) => this.#toMessage(row));
  }

  get messages(): Live<readonly Message[]> {
    return this.#window.messages;
  }

  get edges(): Live<Edges> {
    return this.#window.edges;
  }

  async send(text: string): Promise<void> {
    if (text === '') throw new SottoError('text-empty');
    if (!textFits(text)) throw new SottoError('text-too-long');
    await this.sendMessage(textKind, { text } satisfies TextBody);
  }

  /** Stores a message of any kind and puts it into the outbox. */
  async sendMessage<B extends object>(kind: ContentKind<B>, body: B): Promise<void> {
    const { clock, random } = this.#front;
    await this.#front.storeMessage({
      conversation: this.#id,
      peer: this.user,
      peerAci: this.#peerAci,
      id: randomId(random),
      at: clock.now(),
      type: kind.name,
      data: body,
      fallback: kind.fallback?.(body) ?? null,
    });
    this.#front.screen.sent(this.user);
    this.#front.messageStored();
  }

  /** Puts an effect into the outbox: for the other user, this user's other devices, or both, as its kind says. */
  async sendEffect<B extends object>(kind: ContentKind<B>, body: B): Promise<void> {
    const { clock, random } = this.#front;
    const id = `${kind.name}:${randomId(random)}`;
    await this.#write((transaction) => this.#enqueue(transaction, id, kind, body, clock.now()));
  }

  loadEarlier(count = WINDOW_PAGE): Promise<boolean> {
    return this.#window.loadEarlier(count);
  }

  loadLater(count = WINDOW_PAGE): Promise<boolean> {
    return this.#window.loadLater(count);
  }

  async jumpTo(target: JumpTarget): Promise<string | null> {
    const row = await this.#window.jumpTo(target);
    return row && messageKey(row);
  }

  async markRead(upTo?: string): Promise<void> {
    const { clock } = this.#front;
    await this.#write(async (transaction) => {
      const all = await transaction.range('messages', { index: 'unread', ...startingWith(this.#id, 1) });
      const unread = upTo === undefined ? all : all.slice(0, all.findIndex((row) => messageKey(row) === upTo) + 1);
      const conversation = await transaction.get('conversations', [this.#id]);
      if (!conversation || unread.length === 0) return;
      const tell = this.#front.tellsReceipts(conversation.answered === 1);
      const now = clock.now();
      for (const row of unread) {
        await transaction.put('messages', { ...row, unread: 0 });
        if (tell && isReceipted(this.#front.kinds, row)) await this.#enqueueRead(transaction, row);
      }
      await enqueue(transaction, ...readMarkRows({ conversation: this.#id, peer: this.user }, unread, now));
    });
  }

  async retry(messageId: string): Promise<void> {
    const key = parseMessageKey(messageId);
    await this.#write(async (transaction) => {
      const row = key && (await transaction.get('messages', [this.#id, key.user, key.id, key.device]));
      if (!row) throw new SottoError('message-unknown');
      if (row.status !== 'failed' || row.body.kind !== 'content') return;
      const hlc = pendingHlc(this.#front.clock.now(), await largestHlc(transaction, this.#id, true));
      const again: MessageRow = { ...row, status: 'pending', failure: null, hlc };
      await transaction.put('messages', again);
      const { type, data } = row.body;
      await enqueueMessage(transaction, { ...again, peer: this.user, type, data });
      await touchConversation(transaction, this.#id);
    });
  }

  typing(): void {
    if (!this.#front.isClosed) this.#front.screen.typing(this.user);
  }

  safetyNumber(): Promise<SafetyNumber> {
    return this.#peerIdentity.safetyNumber();
  }

  verify(compared: string | Uint8Array): Promise<boolean> {
    return this.#peerIdentity.verify(compared);
  }

  unverify(): Promise<void> {
    return this.#peerIdentity.unverify();
  }

  acceptIdentity(key: string): Promise<boolean> {
    return this.#peerIdentity.accept(key);
  }

  async #enqueue<B extends object>(
    transaction: MessageTransaction,
    id: string,
    kind: ContentKind<B>,
    body: B,
    at: number,
  ): Promise<void> {
    const to = { conversation: this.#id, peer: this.user };
    await enqueue(transaction, { ...to, id, kind: kind.name, body, at, messageId: null });
  }

  /** `read` says `delivered` too: a receipt of that which has not left yet is not needed any more. */
  async #enqueueRead(transaction: MessageTransaction, message: MessageRow): Promise<void> {
    await transaction.delete('outbox', [receiptOutboxId('delivered', this.#id, message.id)]);
    await this.#enqueueReceipt(transaction, 'read', message);
  }

  async #enqueueReceipt(transaction: MessageTransaction, type: ReceiptType, message: MessageRow): Promise<void> {
    await enqueue(transaction, receiptRow(type, message, this.user, this.#front.clock.now()));
  }

  #write<V>(work: (transaction: MessageTransaction) => Promise<V>): Promise<V> {
    return this.#front.write(MESSAGE_TABLES, work);
  }

  #toMessage(row: MessageRow): Message {
    return toMessage(row, this.#front, this.user);
  }
}
