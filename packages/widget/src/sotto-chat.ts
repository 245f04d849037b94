import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { guard } from 'lit/directives/guard.js';
import type { ConnectionState, Conversation, SottoClient } from '@sotto/sdk';

import { Composer } from './controllers/composer.js';
import { ContactController } from './controllers/contact.js';
import { ConversationController } from './controllers/conversation.js';
import { LiveController } from './controllers/live.js';
import { NoticeLines } from './controllers/notice-lines.js';
import { OwnDevices } from './controllers/own-devices.js';
import { ScrollKeeper } from './controllers/scroll-keeper.js';
import { SightController } from './controllers/sight.js';
import {
  SottoConnectionEvent,
  SottoErrorEvent,
  SottoMessageEvent,
  SottoSendEvent,
  type SottoAction,
} from './events.js';
import { english, type Strings } from './strings.js';
import { composerStyles } from './styles/composer.js';
import { contactStyles } from './styles/contact.js';
import { frameStyles } from './styles/frame.js';
import { listStyles } from './styles/list.js';
import { noticeStyles } from './styles/notices.js';
import { tokens } from './styles/tokens.js';
import { ConnectionLine } from './view/connection-line.js';
import type { ListContext } from './view/context.js';
import { header } from './view/header.js';
import { icon } from './view/icons.js';
import { earlierLine, emptyState, messageList, typingDots } from './view/message-list.js';
import { dayOf, localeOf } from './view/time.js';

/** How far above the first message (px) earlier ones begin to load. */
const LOAD_AHEAD = 600;

/**
 * `<sotto-chat>`: one direct conversation. Set `client` and `with`; everything else follows from the client's live values.
 * Import `@sotto/widget/register` to define the element, or define the class under a name of your own.
 */
export class SottoChat extends LitElement {
  /** What the shadow root looks like; pages change it through the custom properties in the README. */
  static override readonly styles = [tokens, frameStyles, noticeStyles, listStyles, composerStyles, contactStyles];
  static override readonly properties = {
    client: { attribute: false },
    with: { type: String },
    label: { type: String },
    theme: { type: String, reflect: true },
    strings: { attribute: false },
  };

  /** The client to chat through; null shows an empty frame. The element never closes it. */
  declare client: SottoClient | null;
  /** Name of the other user, as in `client.direct(...)`. */
  declare with: string;
  /** How the other user is called on screen; empty: as in `with`. */
  declare label: string;
  /** `auto` follows the page's `color-scheme`. */
  declare theme: 'auto' | 'light' | 'dark';
  /** Translations; what is missing stays English. */
  declare strings: Partial<Strings>;

  #strings: Strings = english;
  #oldest: string | null = null;
  #newest: string | null = null;
  #hadLater = false;
  readonly #found = new Map<string, HTMLElement>();
  readonly #scroll = new ScrollKeeper(
    this,
    () => this.#find('.scroller'),
    () => !this.#conversation.hasLater,
  );
  readonly #conversation = new ConversationController(this, {
    arrived: (message) => this.dispatchEvent(new SottoMessageEvent(message)),
    failed: (action, error) => this.#report(action, error),
  });
  readonly #connection = new LiveController<ConnectionState>(this, (state) =>
    this.dispatchEvent(new SottoConnectionEvent(state)),
  );
  readonly #ownDevices: OwnDevices = new OwnDevices(
    this,
    () => this.shadowRoot,
    (action, error) => this.#report(action, error),
  );
  readonly #notices = new NoticeLines(this, (error) => this.#report('dismiss', error));
  readonly #connectionLine = new ConnectionLine(this, this.#ownDevices, (error) => this.#report('reset', error));
  readonly #contact: ContactController = new ContactController(
    this,
    (): HTMLDialogElement | null => this.shadowRoot?.querySelector<HTMLDialogElement>('[part="safety-dialog"]') ?? null,
    (action, error) => this.#report(action, error),
    () => this.#composer.focus({ preventScroll: true }),
  );
  readonly #composer: Composer = new Composer(
    this,
    (text) => this.#send(text),
    () => this.#contact.typing(),
  );
  readonly #end = new SightController(
    this,
    () => this.#find('.end'),
    (inSight) => this.#conversation.see(inSight),
  );
  readonly #top = new SightController(
    this,
    () => this.#find('.top'),
    (inSight) => {
      if (inSight) void this.#conversation.loadEarlier();
    },
    () => ({ root: this.#find('.scroller'), rootMargin: `${LOAD_AHEAD}px 0px 0px 0px` }),
  );

  constructor() {
    super();
    this.client = null;
    this.with = '';
    this.label = '';
    this.theme = 'auto';
    this.strings = {};
  }

  /** Puts the cursor into the text field. */
  override focus(options?: FocusOptions): void {
    this.#composer.focus(options);
  }

  /** Opens the dialog with this user's devices, as the button in the header does. */
  showDevices(): Promise<void> {
    return this.#ownDevices.show();
  }

  /** Scrolls to the newest message. */
  scrollToNewest(): void {
    void this.#toEnd();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('strings')) this.#strings = { ...english, ...this.strings };
    if (!changed.has('client') && !changed.has('with')) return;
    this.#connection.observe(this.client?.connection ?? null);
    this.#ownDevices.of(this.client);
    this.#notices.of(this.client);
    const conversation = this.#open();
    this.#conversation.open(conversation);
    this.#contact.open(conversation);
    this.#composer.writeTo(this.client === null ? null : { client: this.client, user: this.with });
    this.#scroll.toEnd();
    // The new conversation may lie as short as the old one, with nothing for an observer to report.
    this.#end.again();
  }

  protected override updated(): void {
    if (this.#conversation.takeOpening()) {
      const marker = this.#find('.unread');
      if (marker !== null) this.#scroll.reveal(marker);
    }
    // One page of earlier messages may not reach up to the edge: the observer is asked anew after each.
    const oldest = this.#conversation.oldest;
    if (oldest !== this.#oldest) this.#top.again();
    this.#oldest = oldest;
    // The same below, after a long way back; and the end may have become the conversation's end without moving.
    const { newest, hasLater } = this.#conversation;
    if ((hasLater && newest !== this.#newest) || hasLater !== this.#hadLater) this.#end.again();
    this.#newest = newest;
    this.#hadLater = hasLater;
  }

  protected override render(): TemplateResult {
    const strings = this.#strings;
    const name = this.label || this.with;
    return html`
      <section
        class="frame"
        part="frame"
        aria-label=${strings.conversationWith(name)}
        @close=${{ handleEvent: this.#onDialogClosed, capture: true }}
      >
        ${header(name, strings, localeOf(this), this.#contact, this.#ownDevices.button(this.#connection.value, strings))}
        ${this.#contact.banner(strings, name)} ${this.#connectionLine.render(this.#connection.value, strings, name)}
        ${this.#notices.render(strings)}
        <div class="body">
          ${this.#log(strings, name)} ${this.#end.inSight || this.#scroll.atEnd ? nothing : this.#toNewest(strings)}
        </div>
        ${this.#composer.render(strings, name, this.#canWrite)} ${this.#contact.safetyDialog(strings, name)}
        ${this.#ownDevices.dialog(strings, localeOf(this))}
      </section>
    `;
  }

  #log(strings: Strings, name: string): TemplateResult {
    const { rows, loadingEarlier, isOpen } = this.#conversation;
    const context: ListContext = {
      strings,
      name,
      locale: localeOf(this),
      today: dayOf(Date.now()),
      retry: (id) => void this.#conversation.retry(id),
    };
    return html`
      <div
        class="scroller"
        part="messages"
        role="log"
        tabindex="0"
        aria-label=${strings.conversationWith(name)}
        aria-busy=${loadingEarlier}
        @scroll=${{ handleEvent: this.#onScroll, passive: true }}
      >
        <div class="list">
          <div class="top"></div>
          ${earlierLine(loadingEarlier, strings)}
          ${guard([rows, strings, name, context.locale, context.today], () => messageList(rows, context))}
          ${this.#contact.presence?.typing ? typingDots() : nothing}
          <div class="end"></div>
        </div>
        ${isOpen && rows.length === 0 ? emptyState(context) : nothing}
      </div>
    `;
  }

  #toNewest(strings: Strings): TemplateResult {
    const count = this.#conversation.newBelow;
    return html`
      <button
        class="to-newest"
        part="to-newest"
        type="button"
        aria-label=${count === 0 ? strings.toNewest : nothing}
        title=${strings.toNewest}
        @click=${this.#onToNewest}
      >
        ${count === 0 ? nothing : html`<span>${strings.newMessages(count)}</span>`}${icon('down')}
      </button>
    `;
  }

  get #canWrite(): boolean {
    const state = this.#connection.value?.state;
    return this.#conversation.isOpen && state !== 'closed' && state !== 'storage-failed';
  }

  #open(): Conversation | null {
    if (this.client === null || this.with === '') return null;
    try {
      return this.client.direct(this.with);
    } catch (error) {
      this.#report('open', error);
      return null;
    }
  }

  async #send(text: string): Promise<void> {
    const user = this.with;
    await this.#conversation.send(text);
    if (user === this.with) await this.#toEnd();
    this.dispatchEvent(new SottoSendEvent(user));
  }

  async #toEnd(): Promise<void> {
    if (this.#conversation.hasLater) await this.#conversation.toNewest();
    this.#scroll.toEnd();
  }

  #report(action: SottoAction, error: unknown): void {
    this.dispatchEvent(new SottoErrorEvent(action, error));
  }

  /** Looked for once while it is there: in a long list looking takes long. */
  #find(selector: string): HTMLElement | null {
    const known = this.#found.get(selector);
    if (known?.isConnected === true) return known;
    const found = this.shadowRoot?.querySelector<HTMLElement>(selector) ?? null;
    if (found !== null) this.#found.set(selector, found);
    return found;
  }

  /** The browser gives the focus back to what opened the dialog, unless that is gone. */
  readonly #onDialogClosed = (): void => {
    void this.updateComplete.then(() => {
      if (document.activeElement === document.body) this.#composer.focus({ preventScroll: true });
    });
  };

  readonly #onToNewest = (): void => {
    void this.#toEnd();
    this.#composer.focus({ preventScroll: true });
  };

  // Whether the person is at the end decides about the button; rendering is needed only when that changes.
  #scrolledAtEnd = true;
  readonly #onScroll = (): void => {
    if (this.#scroll.atEnd === this.#scrolledAtEnd) return;
    this.#scrolledAtEnd = this.#scroll.atEnd;
    this.requestUpdate();
  };
}

declare global {
  interface HTMLElementTagNameMap {
    'sotto-chat': SottoChat;
  }
}
