import type {
  ConnectionState,
  Conversation,
  Device,
  Edges,
  IdentityState,
  JumpTarget,
  Live,
  Message,
  MessageStatus,
  Notice,
  NoticeCode,
  Presence,
  PresenceMode,
  Profile,
  StorageInfo,
  SafetyNumber,
  SottoClient,
} from '@sotto/sdk';

/** A {@link Live} that a test sets. */
export class FakeLive<T> implements Live<T> {
  readonly #listeners = new Set<(value: T) => void>();

  constructor(private value: T) {}

  get(): T {
    return this.value;
  }

  set(value: T): void {
    this.value = value;
    for (const listener of this.#listeners) listener(value);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    listener(this.value);
    return () => this.#listeners.delete(listener);
  }
}

type TextMessage = Extract<Message, { kind: 'text' }>;

/** A conversation in memory, which a test plays from both ends. */
export class FakeConversation implements Conversation {
  readonly messages = new FakeLive<readonly Message[]>([]);
  readonly edges = new FakeLive<Edges>({ earlier: false, later: false });
  readonly identity = new FakeLive<IdentityState>({ state: 'unverified' });
  readonly profile = new FakeLive<Profile>({ name: null });
  readonly presence = new FakeLive<Presence>({ online: false, typing: false, lastSeen: null });
  typed = 0;
  readonly retried: string[] = [];
  marks = 0;
  /** What `send` rejects with, if anything. */
  refusal: Error | null = null;
  /** Messages that `loadEarlier` finds. */
  past: Message[] = [];
  #made = 0;

  constructor(
    private readonly me: string,
    readonly user: string,
  ) {}

  async send(text: string): Promise<void> {
    if (this.refusal !== null) throw this.refusal;
    this.append(this.mine(text, 'pending'));
  }

  async loadEarlier(count = 100): Promise<boolean> {
    if (this.past.length === 0) return false;
    const page = this.past.splice(-count);
    // As in the real one: the list follows after the promise, when the database was read.
    setTimeout(() => this.messages.set([...page, ...this.messages.get()]), 30);
    return true;
  }

  /** Messages beyond the loaded ones, which `loadLater` finds. */
  future: Message[] = [];

  /** Leaves the newest behind, as going far back does. */
  leaveBehind(...messages: Message[]): void {
    this.future = messages;
    this.edges.set({ ...this.edges.get(), later: messages.length > 0 });
  }

  async loadLater(count = 50): Promise<boolean> {
    if (this.future.length === 0) return false;
    const page = this.future.splice(0, count);
    setTimeout(() => {
      this.leaveBehind(...this.future);
      this.append(...page);
    }, 30);
    return true;
  }

  async jumpTo({ to }: JumpTarget): Promise<string | null> {
    if (to === 'newest' && this.future.length > 0) {
      const page = this.future.splice(0);
      this.leaveBehind();
      this.messages.set(page);
    }
    return this.messages.get().at(-1)?.id ?? null;
  }

  async markRead(): Promise<void> {
    this.marks += 1;
    this.messages.set(this.messages.get().map((message) => ({ ...message, unread: false })));
  }

  async retry(messageId: string): Promise<void> {
    this.retried.push(messageId);
    this.setStatus(messageId, 'pending');
  }

  typing(): void {
    this.typed += 1;
  }

  async safetyNumber(): Promise<SafetyNumber> {
    const groups = Array.from({ length: 12 }, (_, i) => String(10_000 + 1_117 * i));
    return { digits: groups.join(''), groups, scannable: new Uint8Array(74).fill(7) };
  }

  async verify(compared: string | Uint8Array): Promise<boolean> {
    const fits = compared === (await this.safetyNumber()).digits;
    if (fits) this.identity.set({ state: 'verified' });
    return fits;
  }

  async unverify(): Promise<void> {
    this.identity.set({ state: 'unverified' });
  }

  async acceptIdentity(key: string): Promise<boolean> {
    const shown = this.identity.get();
    const fits = shown.state === 'changed' && shown.key === key;
    if (fits) this.identity.set({ state: 'unverified' });
    return fits;
  }

  append(...messages: Message[]): void {
    this.messages.set([...this.messages.get(), ...messages]);
  }

  setStatus(id: string, status: MessageStatus, failure: TextMessage['failure'] = null): void {
    this.messages.set(
      this.messages
        .get()
        .map((message) => (message.id === id && message.kind === 'text' ? { ...message, status, failure } : message)),
    );
  }

  mine(text: string, status: MessageStatus, at = Date.now()): TextMessage {
    return { kind: 'text', id: this.#id(), from: this.me, mine: true, at, text, unread: false, status, failure: null };
  }

  theirs(text: string, at = Date.now(), unread = true): TextMessage {
    const id = this.#id();
    return { kind: 'text', id, from: this.user, mine: false, at, text, unread, status: null, failure: null };
  }

  #id(): string {
    this.#made += 1;
    return `message-${this.#made}`;
  }
}

export class FakeClient implements SottoClient {
  readonly conversations = new FakeLive([]);
  readonly presence = new FakeLive<PresenceMode>('visible');
  readonly profile = new FakeLive<Profile>({ name: null });
  readonly connection = new FakeLive<ConnectionState>({ state: 'online', left: 0 });
  readonly notices = new FakeLive<readonly Notice[]>([]);
  readonly #conversations = new Map<string, FakeConversation>();

  constructor(readonly user: string) {}

  readonly devices = new FakeLive<readonly Device[]>([]);

  /** What the next thing that is done with devices rejects with, if anything. */
  deviceRefusal: Error | null = null;
  /** Passphrases that something was sealed with. */
  readonly passphrases: string[] = [];
  /** What `exportDevice` gives. */
  sealed = crypto.getRandomValues(new Uint8Array(300));

  async setProfile(profile: Profile): Promise<void> {
    this.#mayRefuse();
    this.profile.set(profile);
  }

  async renameDevice(name: string): Promise<void> {
    this.#mayRefuse();
    this.devices.set(this.devices.get().map((device) => (device.current ? { ...device, name } : device)));
  }

  async removeDevice(id: string): Promise<void> {
    this.#mayRefuse();
    this.devices.set(this.devices.get().filter((device) => device.id !== id));
  }

  async exportDevice(passphrase: string): Promise<Uint8Array> {
    this.#mayRefuse();
    this.passphrases.push(passphrase);
    return this.sealed;
  }

  async dismiss(code: NoticeCode): Promise<void> {
    this.notices.set(this.notices.get().filter((notice) => notice.code !== code));
  }

  #mayRefuse(): void {
    const refusal = this.deviceRefusal;
    this.deviceRefusal = null;
    if (refusal) throw refusal;
  }

  direct(user: string): FakeConversation {
    const known = this.#conversations.get(user) ?? new FakeConversation(this.user, user);
    this.#conversations.set(user, known);
    return known;
  }

  // The widget uses neither.
  async *incoming(): AsyncGenerator<never, void> {
    yield* [];
  }

  export(): ReadableStream<Uint8Array> {
    return new ReadableStream();
  }

  async storage(): Promise<StorageInfo> {
    return { persisted: null, usage: null, quota: null };
  }

  async loadMoreConversations(): Promise<boolean> {
    return false;
  }

  async setPresence(mode: PresenceMode): Promise<void> {
    this.presence.set(mode);
  }

  async close(): Promise<void> {
    this.connection.set({ state: 'closed' });
  }

  async destroy(): Promise<void> {
    await this.close();
  }
}
