import type { Message } from '@sotto/sdk';

/**
 * Where "New messages" stands: above the first message that was unread when the person came (back). It stays while they
 * read, although the messages count as read by then, and goes when they answer or when the next ones come while they are away.
 */
export class UnreadMarker {
  #from: string | null = null;

  /** Id of the message below the marker. */
  get from(): string | null {
    return this.#from;
  }

  /** @param seeing the person has the end of the conversation before their eyes, so nothing new needs a marker */
  update(messages: readonly Message[], seeing: boolean): void {
    if (seeing) return;
    const first = messages.find((message) => message.unread);
    if (first === undefined) return;
    const marked = messages.find((message) => message.id === this.#from);
    // Messages that join an unread run below its marker leave it where it is.
    if (marked === undefined || !marked.unread) this.#from = first.id;
  }

  clear(): void {
    this.#from = null;
  }
}
