import type { MessageRow } from '../history/schema.js';
import type { Front } from './front.js';
import { toMessage } from './to-message.js';
import type { Conversation, IncomingMessage } from './types.js';

/** One unread message, and the name of the user whose conversation it stands in. */
interface Unread {
  readonly row: MessageRow;
  readonly peer: string;
}

/**
 * Every unread message of others, one at a time, oldest first within a conversation and the conversations in turn; waits for new
 * ones. Asking for the next marks the last one as read: after a crash it comes again. Ends when the client is closed.
 *
 * @param direct the handle of a user's conversation
 */
export async function* incoming(
  front: Front,
  direct: (user: string) => Conversation,
): AsyncGenerator<IncomingMessage, void> {
  const changes = new Changes(front);
  try {
    for (let last = ''; !front.isClosed;) {
      changes.begin();
      const found = await nextUnread(front, last);
      if (!found) {
        await changes.next();
        continue;
      }
      const conversation = direct(found.peer);
      const message = toMessage(found.row, front, found.peer);
      yield { conversation, message };
      await conversation.markRead(message.id);
      last = found.row.conversation;
    }
  } catch (error) {
    if (!front.isClosed) throw error;
  } finally {
    changes.close();
  }
}

/** The first unread message of the conversation behind `last`, beginning again after the final one. */
function nextUnread(front: Front, last: string): Promise<Unread | null> {
  return front.read(['messages', 'conversations'], async (transaction) => {
    const seen = new Set<string>();
    for (let after = last, wrapped = false; ;) {
      const [row] = await transaction.range('messages', {
        index: 'waiting',
        lower: [1, after, []],
        upper: [1, []],
        limit: 1,
      });
      if (!row && wrapped) return null;
      wrapped ||= !row;
      after = row?.conversation ?? '';
      if (!row) continue;
      if (seen.has(after)) return null;
      seen.add(after);
      // Where the other user is not known by name yet, nothing could be answered.
      const peer = (await transaction.get('conversations', [after]))?.peer;
      if (peer !== null && peer !== undefined) return { row, peer };
    }
  });
}

/** Tells of changes since the last look. */
class Changes {
  #changed = false;
  #wake: () => void = () => undefined;
  readonly #stop: readonly (() => void)[];

  constructor(front: Front) {
    const changed = (): void => {
      this.#changed = true;
      this.#wake();
    };
    this.#stop = [front.watch('messages', changed), front.whenClosed(changed)];
  }

  /** From now on. */
  begin(): void {
    this.#changed = false;
  }

  /** Resolves when there was one, or the client is closed. */
  async next(): Promise<void> {
    if (!this.#changed) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  close(): void {
    for (const stop of this.#stop) stop();
  }
}
