import type { Live } from '../live.js';
import type { Clock } from '../util/clock.js';
import type { TabChannel } from '../util/tab-channel.js';
import { MAX_WATCHED, parseToTabs, WATCH_EVERY_MS, WATCH_LEASE_MS, type ToEngine } from './tab-messages.js';

/** Whether the other user is there. */
export interface Presence {
  /** Has this conversation on the screen of some device, too, and the page is visible. */
  readonly online: boolean;
  readonly typing: boolean;
  /** When they were last online, as far as this device has seen: milliseconds since the epoch. */
  readonly lastSeen: number | null;
}

const NOBODY: Presence = { online: false, typing: false, lastSeen: null };

/** Keys pressed within this time are one notice to the other side. */
const TYPING_EVERY_MS = 3_000;
/** Without a further key typing has stopped. */
const TYPING_STOPS_MS = 5_000;

/**
 * What of this tab is before the person's eyes, for the engine to know: conversations whose `presence` somebody listens to,
 * while the page is visible.
 */
export class Screen {
  readonly #watched = new Map<string, WatchedPresence>();
  readonly #typing = new Map<string, { toldAt: number; cancel: () => void }>();
  #cancel: () => void = () => undefined;
  #announced = false;
  readonly #channel: TabChannel;
  readonly #clock: Clock;
  readonly #tab: string;
  readonly #unlisten: () => void;

  /** @param tab names this tab among the others */
  constructor(channel: TabChannel, clock: Clock, tab: string) {
    this.#channel = channel;
    this.#clock = clock;
    this.#tab = tab;
    channel.listen((message) => this.#hear(message));
    this.#unlisten = listenToPage(() => this.announce());
  }

  presence(user: string): Live<Presence> {
    const known = this.#watched.get(user);
    if (known) return known;
    const live = new WatchedPresence(() => this.announce());
    this.#watched.set(user, live);
    return live;
  }

  /** A key was pressed. */
  typing(user: string): void {
    const now = this.#clock.ticks();
    const before = this.#typing.get(user);
    before?.cancel();
    const due = !before || now - before.toldAt >= TYPING_EVERY_MS;
    const cancel = this.#clock.after(TYPING_STOPS_MS, () => this.stopTyping(user));
    this.#typing.set(user, { toldAt: due ? now : before.toldAt, cancel });
    if (!before) this.announce();
    if (due) this.#post({ type: 'typing', user, on: true });
  }

  /** A message went out. It may be the first answer, from which on presence is told. */
  sent(user: string): void {
    this.stopTyping(user);
    const live = this.#watched.get(user);
    if (live?.isWatched && !live.get().online) this.announce();
  }

  /** The text was sent, or nothing more is typed. */
  stopTyping(user: string): void {
    const typing = this.#typing.get(user);
    if (!typing) return;
    typing.cancel();
    this.#typing.delete(user);
    this.#post({ type: 'typing', user, on: false });
  }

  /** Says what is on screen now, and again while anything is. */
  announce(): void {
    this.#cancel();
    if (this.#announced) this.#doubt();
    const users = isVisible() ? this.#onScreen() : [];
    if (users.length > 0 || this.#announced) this.#post({ type: 'watch', tab: this.#tab, users });
    this.#announced = users.length > 0;
    if (this.#announced) this.#cancel = this.#clock.after(WATCH_EVERY_MS, () => this.announce());
  }

  /** An engine says at every announcement who is there. One that says nothing has lost sight of them, or never had it. */
  #doubt(): void {
    const since = this.#clock.ticks() - WATCH_LEASE_MS;
    for (const live of this.#watched.values())
      if (live.heardAt < since) live.set({ ...live.get(), online: false, typing: false });
  }

  close(): void {
    this.#unlisten();
    this.#cancel();
    for (const { cancel } of this.#typing.values()) cancel();
    if (this.#announced) this.#post({ type: 'watch', tab: this.#tab, users: [] });
    this.#channel.close();
  }

  #onScreen(): string[] {
    const users = new Set(this.#typing.keys());
    for (const [user, live] of this.#watched) if (live.isWatched) users.add(user);
    // The latest, should there be too many.
    return [...users].slice(-MAX_WATCHED);
  }

  #hear(message: unknown): void {
    const parsed = parseToTabs(message);
    if (parsed?.type === 'ask') this.announce();
    const live = parsed?.type === 'presence' && this.#watched.get(parsed.user);
    if (!live) return;
    const { online, typing, lastSeen } = parsed;
    live.heardAt = this.#clock.ticks();
    live.set({ online, typing, lastSeen });
  }

  #post(message: ToEngine): void {
    this.#channel.post(message);
  }
}

class WatchedPresence implements Live<Presence> {
  #value = NOBODY;
  /** When the engine last spoke of them, ticks. */
  heardAt = 0;
  readonly #listeners = new Set<(value: Presence) => void>();

  constructor(private readonly changed: () => void) {}

  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  get(): Presence {
    return this.#value;
  }

  subscribe(listener: (value: Presence) => void): () => void {
    const own = (value: Presence): void => listener(value);
    this.#listeners.add(own);
    own(this.#value);
    if (this.#listeners.size === 1) this.changed();
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.changed();
    };
  }

  set(value: Presence): void {
    const { online, typing, lastSeen } = this.#value;
    if (value.online === online && value.typing === typing && value.lastSeen === lastSeen) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener(value);
  }
}

/** Where there is no document (Node), the program is what somebody looks at. */
function isVisible(): boolean {
  const { document } = globalThis as { document?: Document };
  return document === undefined || document.visibilityState === 'visible';
}

function listenToPage(changed: () => void): () => void {
  const { document } = globalThis as { document?: Document };
  document?.addEventListener('visibilitychange', changed);
  return () => document?.removeEventListener('visibilitychange', changed);
}
