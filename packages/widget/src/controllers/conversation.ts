import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { Conversation, Message } from '@sotto/sdk';

import type { SottoAction } from '../events.js';
import { rowsOf, type Row } from '../view/rows.js';
import { LiveController } from './live.js';
import { UnreadMarker } from './unread-marker.js';

/** What the conversation tells its element. */
export interface ConversationListener {
  /** Another's message came while the conversation was open. */
  arrived(message: Message): void;
  failed(action: SottoAction, error: unknown): void;
}

const NO_MESSAGES: readonly Message[] = [];

/** The open conversation as the element shows it: rows, the unread marker, what is new below, what is still above. */
export class ConversationController implements ReactiveController {
  #conversation: Conversation | null = null;
  #messages: readonly Message[] = NO_MESSAGES;
  #rows: readonly Row[] = [];
  #known = new Set<string>();
  #seeing = false;
  #newBelow = 0;
  #earlier: 'unknown' | 'loading' | 'none' = 'unknown';
  #loadingLater = false;
  #markedRead: readonly Message[] | null = null;
  #opening = false;
  readonly #marker = new UnreadMarker();
  readonly #live: LiveController<readonly Message[]>;

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly listener: ConversationListener,
  ) {
    this.#live = new LiveController<readonly Message[]>(host, (messages) => this.#update(messages));
    host.addController(this);
  }

  /** Ends with the old conversation, begins with the new one. */
  open(conversation: Conversation | null): void {
    this.#conversation = conversation;
    this.#messages = NO_MESSAGES;
    this.#rows = [];
    this.#known = new Set();
    this.#seeing = false;
    this.#newBelow = 0;
    this.#earlier = 'unknown';
    this.#markedRead = null;
    this.#opening = true;
    this.#marker.clear();
    this.#live.observe(conversation?.messages ?? null);
  }

  hostDisconnected(): void {
    this.#seeing = false;
  }

  /** The same array until something changed. */
  get rows(): readonly Row[] {
    return this.#rows;
  }

  /** Id of the first message that is loaded. */
  get oldest(): string | null {
    return this.#messages[0]?.id ?? null;
  }

  /** Id of the last message that is loaded. */
  get newest(): string | null {
    return this.#messages.at(-1)?.id ?? null;
  }

  get isOpen(): boolean {
    return this.#conversation !== null;
  }

  /** Messages of the other user that came below what the person is reading. */
  get newBelow(): number {
    return this.#newBelow;
  }

  get loadingEarlier(): boolean {
    return this.#earlier === 'loading';
  }

  /** True once, when the first messages of a conversation are there: the moment to choose the scroll position. */
  takeOpening(): boolean {
    const opening = this.#opening && this.#messages.length > 0;
    if (opening) this.#opening = false;
    return opening;
  }

  /** @param seeing the end of the conversation is before the person's eyes */
  see(seeing: boolean): void {
    if (seeing && this.hasLater) {
      void this.loadLater();
      return;
    }
    this.#seeing = seeing;
    if (seeing) this.#newBelow = 0;
    this.#markRead();
    this.host.requestUpdate();
  }

  async send(text: string): Promise<void> {
    const conversation = this.#conversation;
    try {
      await conversation?.send(text);
    } catch (error) {
      this.listener.failed('send', error);
      throw error;
    }
    if (conversation !== this.#conversation) return;
    this.#marker.clear();
    this.#arrange();
  }

  async retry(messageId: string): Promise<void> {
    try {
      await this.#conversation?.retry(messageId);
    } catch (error) {
      this.listener.failed('retry', error);
    }
  }

  /** Asks for earlier messages once; the next time is when these are in the list. */
  async loadEarlier(): Promise<void> {
    const conversation = this.#conversation;
    if (conversation === null || this.#earlier !== 'unknown' || this.#messages.length === 0) return;
    this.#setEarlier('loading');
    try {
      const found = await conversation.loadEarlier();
      if (conversation === this.#conversation && !found) this.#setEarlier('none');
    } catch (error) {
      this.listener.failed('load-earlier', error);
      // Scrolling up again tries again.
      if (conversation === this.#conversation) this.#setEarlier('unknown');
    }
  }

  /** Newer messages exist below the loaded ones: somebody has gone far back. */
  get hasLater(): boolean {
    return this.#conversation?.edges.get().later ?? false;
  }

  /** One step towards the newest messages, after a long way back. */
  async loadLater(): Promise<void> {
    const conversation = this.#conversation;
    if (conversation === null || this.#loadingLater || !this.hasLater) return;
    this.#loadingLater = true;
    await conversation.loadLater().catch((error: unknown) => this.listener.failed('load-later', error));
    this.#loadingLater = false;
  }

  /** Back to the newest messages, however far away they are. */
  async toNewest(): Promise<void> {
    if (!this.hasLater) return;
    await this.#conversation
      ?.jumpTo({ to: 'newest' })
      .catch((error: unknown) => this.listener.failed('load-later', error));
  }

  #setEarlier(earlier: 'unknown' | 'loading' | 'none'): void {
    this.#earlier = earlier;
    this.host.requestUpdate();
  }

  #update(messages: readonly Message[]): void {
    this.#announceNew(messages);
    // The list begins elsewhere: earlier ones came, or so many new ones that the oldest are no longer in it.
    if (messages[0]?.id !== this.#messages[0]?.id) this.#earlier = 'unknown';
    this.#messages = messages;
    this.#marker.update(messages, this.#seeing);
    this.#arrange();
    this.#markRead();
  }

  #arrange(): void {
    this.#rows = rowsOf(this.#messages, this.#marker.from);
    this.host.requestUpdate();
  }

  /** What was there at opening, or was loaded from the past, is not new. */
  #announceNew(messages: readonly Message[]): void {
    const known = this.#known;
    this.#known = new Set(messages.map((message) => message.id));
    const oldest = messages.findIndex((message) => known.has(message.id));
    if (oldest === -1) return;
    for (const message of messages.slice(oldest)) {
      if (message.mine || known.has(message.id)) continue;
      if (!this.#seeing) this.#newBelow += 1;
      this.listener.arrived(message);
    }
  }

  #markRead(): void {
    const messages = this.#messages;
    const conversation = this.#conversation;
    // Once per list: a refusal must not become a loop.
    if (conversation === null || !this.#seeing || this.#markedRead === messages) return;
    if (!messages.some((message) => message.unread)) return;
    this.#markedRead = messages;
    conversation.markRead().catch((error: unknown) => this.listener.failed('mark-read', error));
  }
}
