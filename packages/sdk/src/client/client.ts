import { ConversationList, LIST_PAGE, LIST_TABLES, type ListTable } from '../conversations/conversation-list.js';
import type { DeviceId, RegistrationId } from '@sotto/protocol';

import { DirectConversation } from '../conversations/conversation.js';
import type { Front } from '../conversations/front.js';
import { NO_PROFILE, toProfile } from '../conversations/profile.js';
import { exportStream } from '../conversations/export-stream.js';
import { loadLater } from '../conversations/later.js';
import { toMessage } from '../conversations/to-message.js';
import type { Conversation, ConversationSummary, IncomingMessage, Profile } from '../conversations/types.js';
import { directConversationId } from '../content/content.js';
import { displayName, MAX_DISPLAY_NAME } from '../content/display-name.js';
import { MAX_DEVICE_NAME } from '../content/kinds/device-name.js';
import { SottoError } from '../errors.js';
import { changedProfile, ownProfileRow, tellContacts } from '../history/profile-row.js';
import { nameRow } from '../history/device-name-row.js';
import { enqueue } from '../history/rows.js';
import type { DeviceRow } from '../history/schema.js';
import type { ConnectionStatus } from '../history/connection-status.js';
import { NOTICES, type Notice, type NoticeCode } from '../history/notice.js';
import type { LiveQuery } from '../history/live-query.js';
import type { PresenceMode } from '../history/schema.js';
import { randomId } from '../util/random.js';
import { isUserName } from './options.js';
import type { ConnectionState, Device, SottoClient } from './types.js';
import { storageInfo, type StorageInfo } from './storage-info.js';

export interface Lifecycle {
  close(): Promise<void>;
  destroy(): Promise<void>;
}

/** The public client: handles and live values over the history database. */
export class Client implements SottoClient {
  readonly conversations: LiveQuery<ListTable, readonly ConversationSummary[]>;
  readonly connection: LiveQuery<'status', ConnectionState>;
  readonly devices: LiveQuery<'devices', readonly Device[]>;
  readonly notices: LiveQuery<'notices', readonly Notice[]>;
  readonly presence: LiveQuery<'settings', PresenceMode>;
  readonly profile: LiveQuery<'profiles', Profile>;
  #ended: Promise<void> | null = null;
  readonly #handles = new Map<string, Conversation>();
  readonly #list: ConversationList;
  readonly #front: Front;
  readonly #lifecycle: Lifecycle;

  constructor(front: Front, lifecycle: Lifecycle) {
    this.#front = front;
    this.#lifecycle = lifecycle;
    this.#list = new ConversationList(
      (row, peer) => toMessage(row, front, peer),
      (user) => directConversationId(front.user, user),
    );
    this.conversations = front.live(LIST_TABLES, [], (transaction, changes) => this.#list.read(transaction, changes));
    this.notices = front.live(['notices'], [], async (transaction): Promise<readonly Notice[]> => {
      const rows = await transaction.range('notices');
      return rows.map(({ code, at }) => ({ code, at, text: NOTICES[code] }));
    });
    this.presence = front.live(['settings'], 'visible', async (transaction): Promise<PresenceMode> => {
      return (await transaction.get('settings', ['presence']))?.value ?? 'visible';
    });
    this.profile = front.live(['profiles'], NO_PROFILE, async (transaction) =>
      toProfile(await transaction.get('profiles', [front.user])),
    );
    this.devices = front.live(['devices'], [], async (transaction): Promise<readonly Device[]> => {
      const rows = await transaction.range('devices');
      return rows.filter(({ listed }) => listed === 1).map(toDevice);
    });
    this.connection = front.live(['status'], { state: 'connecting' }, async (transaction): Promise<ConnectionState> => {
      const row = await transaction.get('status', ['connection']);
      return this.#toState(row?.value ?? { state: 'connecting' });
    });
  }

  async dismiss(code: NoticeCode): Promise<void> {
    await this.#front.write(['notices'], (transaction) => transaction.delete('notices', [code]));
  }

  async setPresence(mode: PresenceMode): Promise<void> {
    await this.#front.write(['settings'], (transaction) =>
      transaction.put('settings', { name: 'presence', value: mode }),
    );
  }

  async setProfile({ name }: Profile): Promise<void> {
    const shown = name === null ? null : displayName(name);
    if (name !== null && (shown === null || Array.from(name.trim()).length > MAX_DISPLAY_NAME))
      throw new SottoError('profile-name');
    const front = this.#front;
    await front.write(['profiles', 'conversations', 'outbox'], async (transaction) => {
      const before = await transaction.get('profiles', [front.user]);
      if ((before?.name ?? null) === shown) return;
      const now = front.clock.now();
      const row = changedProfile(front.user, before, shown, now);
      await transaction.put('profiles', row);
      await enqueue(transaction, ownProfileRow(front, row, now));
      await tellContacts(transaction, row);
    });
  }

  get user(): string {
    return this.#front.userName;
  }

  direct(user: string): Conversation {
    if (!isUserName(user) || user === this.user) throw new SottoError('bad-user');
    const known = this.#handles.get(user);
    if (known) return known;
    const handle = new DirectConversation(this.#front, user);
    this.#handles.set(user, handle);
    return handle;
  }

  incoming(): AsyncIterableIterator<IncomingMessage> {
    return this.#incoming();
  }

  async *#incoming(): AsyncGenerator<IncomingMessage, void> {
    const { incoming } = await loadLater();
    yield* incoming(this.#front, (user) => this.direct(user));
  }

  export(): ReadableStream<Uint8Array> {
    return exportStream(this.#front);
  }

  async loadMoreConversations(count = LIST_PAGE): Promise<boolean> {
    if (!this.#list.hasMore) return false;
    this.#list.extend(count);
    this.conversations.restart();
    return true;
  }

  close(): Promise<void> {
    return this.#end(() => this.#lifecycle.close());
  }

  destroy(): Promise<void> {
    return this.#end(() => this.#lifecycle.destroy());
  }

  storage(): Promise<StorageInfo> {
    return storageInfo();
  }

  /** What the engine could not store: shown in this tab until something newer is stored. */
  showUnstored(status: ConnectionStatus): void {
    if (!this.#ended) this.connection.set(this.#toState(status));
  }

  #end(how: () => Promise<void>): Promise<void> {
    this.#ended ??= (async () => {
      this.#front.close();
      this.connection.set({ state: 'closed' });
      await how();
    })();
    return this.#ended;
  }

  #toState(status: ConnectionStatus): ConnectionState {
    if (status.state !== 'needs-device') return status;
    const { publicKey, ...rest } = status;
    return {
      ...rest,
      reset: () => this.#reset(),
      link: async (sealed, passphrase) => {
        if (!publicKey) throw new SottoError('timed-out');
        const { linkWith } = await loadLater();
        await linkWith(this.#front, publicKey, sealed, passphrase);
      },
    };
  }

  async exportDevice(passphrase: string): Promise<Uint8Array> {
    const { exportDevice } = await loadLater();
    return exportDevice(this.#front, passphrase);
  }

  async renameDevice(name: string): Promise<void> {
    const trimmed = name.trim();
    if (trimmed === '' || trimmed.length > MAX_DEVICE_NAME) throw new SottoError('device-name');
    const front = this.#front;
    await front.write(['devices', 'outbox'], async (transaction) => {
      const current = (await transaction.range('devices')).find((row) => row.current === 1);
      if (!current) throw new SottoError('device-unknown');
      await transaction.put('devices', { ...current, name: trimmed });
      await enqueue(transaction, nameRow(front, trimmed, front.random(8)));
    });
  }

  async removeDevice(id: string): Promise<void> {
    const row = (await this.#front.read(['devices'], (transaction) => transaction.range('devices'))).find(
      (one) => deviceKey(one) === id,
    );
    if (!row || row.current === 1) throw new SottoError('device-unknown');
    const { device, registration } = row;
    await this.#front.ask({
      command: 'remove-device',
      device: device as DeviceId,
      registration: registration as RegistrationId,
    });
  }

  async #reset(): Promise<void> {
    const id = randomId(this.#front.random);
    await this.#front.write(['commands'], (transaction) => transaction.put('commands', { id, command: 'reset' }));
  }
}

const deviceKey = ({ device, registration }: DeviceRow): string => `${device}.${registration}`;

function toDevice(row: DeviceRow): Device {
  const { name, createdAt, lastSeenAt, expiresAt } = row;
  return { id: deviceKey(row), name, current: row.current === 1, createdAt, lastActivity: lastSeenAt, expiresAt };
}
