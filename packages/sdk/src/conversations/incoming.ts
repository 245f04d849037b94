import { startingWith } from '../storage/tables.js';
import type { Front } from './front.js';
import { toMessage } from './to-message.js';
import type { Conversation, IncomingMessage, Message } from './types.js';

/** Conversations looked at in one go; also how many of the most recently active ones a change makes us look at. */
const PAGE = 100;

/**
 * Every unread message of others, one at a time, oldest first within a conversation; waits for new ones. Asking for the next
 * marks the last one as read: after a crash it comes again. Ends when the client is closed.
 *
 * @param direct the handle of a user's conversation
 */
export async function* incoming(
  front: Front,
  direct: (user: string) => Conversation,
): AsyncGenerator<IncomingMessage, void> {
  const waiting = new WaitingConversations(front);
  try {
    for (;;) {
      const peer = await waiting.next();
      if (!peer) return;
      const conversation = direct(peer.name);
      for (let message = await firstUnread(front, peer); message; message = await firstUnread(front, peer)) {
        yield { conversation, message };
        await conversation.markRead(message.id);
      }
    }
  } catch (error) {
    if (!front.isClosed) throw error;
  } finally {
    waiting.close();
  }
}

interface Peer {
  readonly conversation: string;
  readonly name: string;
}

/** Conversations in which something may be unread: all of them at first, then those that change. */
class WaitingConversations {
  readonly #waiting = new Map<string, Peer>();
  #wake: () => void = () => undefined;
  #scanned: Promise<void> | null = null;
  readonly #front: Front;
  readonly #stop: () => void;

  constructor(front: Front) {
    this.#front = front;
    const recent = front.live(['conversations', 'messages'], [], async (transaction): Promise<Peer[]> => {
      const rows = await transaction.range('conversations', { index: 'activity', reverse: true, limit: PAGE });
      const unread: Peer[] = [];
      for (const { id, peer } of rows) {
        const [first] = await transaction.range('messages', { ...unreadOf(id), limit: 1 });
        if (first && peer !== null) unread.push({ conversation: id, name: peer });
      }
      return unread;
    });
    this.#stop = recent.subscribe((peers) => this.#add(peers));
  }

  /** Resolves with null when the client was closed. */
  async next(): Promise<Peer | null> {
    await (this.#scanned ??= this.#scan());
    while (!this.#front.isClosed) {
      const [first] = this.#waiting.values();
      if (first) {
        this.#waiting.delete(first.conversation);
        return first;
      }
      await Promise.race([this.#front.closed, new Promise<void>((resolve) => (this.#wake = resolve))]);
    }
    return null;
  }

  close(): void {
    this.#stop();
  }

  #add(peers: readonly Peer[]): void {
    for (const peer of peers) this.#waiting.set(peer.conversation, peer);
    if (peers.length > 0) this.#wake();
  }

  async #scan(): Promise<void> {
    for (let after = ''; ;) {
      const rows = await this.#front.read(['conversations'], (transaction) =>
        transaction.range('conversations', { lower: [after], lowerOpen: true, limit: PAGE }),
      );
      this.#add(rows.flatMap(({ id, peer }) => (peer === null ? [] : [{ conversation: id, name: peer }])));
      const last = rows.at(-1);
      if (!last || rows.length < PAGE) return;
      after = last.id;
    }
  }
}

async function firstUnread(front: Front, { conversation, name }: Peer): Promise<Message | null> {
  const [row] = await front.read(['messages'], (transaction) =>
    transaction.range('messages', { ...unreadOf(conversation), limit: 1 }),
  );
  return row ? toMessage(row, front, name) : null;
}

function unreadOf(conversation: string) {
  return { index: 'unread', ...startingWith(conversation, 1) } as const;
}
