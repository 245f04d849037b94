import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startRelay, type Relay } from '@sotto/relay';
import { freePort, TEST_APP } from '@sotto/relay/testing';
import { mintToken } from '@sotto/relay/token';
import { createClient, type Message, type NoticeCode, type SottoClient } from '@sotto/sdk';
import { fileStorage } from '@sotto/sdk/node';
import { expect, test } from 'vitest';

import { until } from '../support/until.js';

/** Long: after a rollback clients wait before they connect again, and what is missing is asked for after a minute. */
const PATIENCE_MS = 150_000;
const TIMEOUT = { timeout: 400_000 };

/** A relay and the profiles of its users, in a folder of their own: the stories run side by side, as each mostly waits. */
class Place {
  relay: Relay | null = null;
  readonly #clients = new Set<SottoClient>();

  private constructor(
    private readonly folder: string,
    private readonly port: number,
  ) {}

  static async within(story: (place: Place) => Promise<void>): Promise<void> {
    const place = new Place(mkdtempSync(join(tmpdir(), 'sotto-rollback-')), await freePort());
    try {
      await place.relayStarts();
      await story(place);
    } finally {
      await Promise.all([...place.#clients].map((client) => client.close()));
      await place.relay?.close();
      rmSync(place.folder, { recursive: true, force: true });
    }
  }

  async relayStarts(): Promise<void> {
    this.relay = await startRelay({
      host: '127.0.0.1',
      port: this.port,
      dataFolder: join(this.folder, 'relay'),
      apps: [{ ...TEST_APP, origins: [] }],
      logLevel: 'silent',
    });
  }

  async opens(user: string): Promise<SottoClient> {
    const client = await createClient({
      relay: `http://127.0.0.1:${this.port}`,
      app: TEST_APP.id,
      user,
      storage: fileStorage(join(this.folder, user)),
      receipts: 'always',
      token: () => mintToken({ app: TEST_APP.id, user, key: TEST_APP.secret }),
    });
    this.#clients.add(client);
    return client;
  }

  async closes(client: SottoClient): Promise<void> {
    this.#clients.delete(client);
    await client.close();
  }

  /** A copy of a folder of somebody who is not running; and back again. */
  backUp(what: string): void {
    cpSync(join(this.folder, what), join(this.folder, `${what}-backup`), { recursive: true });
  }

  restore(what: string): void {
    rmSync(join(this.folder, what), { recursive: true });
    cpSync(join(this.folder, `${what}-backup`), join(this.folder, what), { recursive: true });
  }
}

/** Waits until the conversation satisfies `isSo`, and returns it. */
async function sees(
  client: SottoClient,
  other: string,
  what: string,
  isSo: (messages: readonly Message[]) => boolean,
): Promise<readonly Message[]> {
  const { messages } = client.direct(other);
  const stop = messages.subscribe(() => undefined);
  try {
    return await until(what, async () => messages.get(), isSo, PATIENCE_MS);
  } finally {
    stop();
  }
}

const texts = (messages: readonly Message[]) => messages.filter(({ kind }) => kind === 'text').map(({ text }) => text);

const showsAll = (client: SottoClient, other: string, ...wanted: string[]) =>
  sees(client, other, `all of ${wanted.join()}`, (messages) => wanted.every((text) => texts(messages).includes(text)));

async function says(from: SottoClient, to: string, text: string, least: 'sent' | 'delivered'): Promise<void> {
  await from.direct(to).send(text);
  const reached = least === 'sent' ? ['sent', 'delivered', 'read'] : ['delivered', 'read'];
  await sees(from, to, `${text} ${least}`, (messages) =>
    messages.some((one) => one.text === text && 'status' in one && reached.includes(one.status ?? '')),
  );
}

/** Codes of the notices that a client has shown so far. */
function noticesOf(client: SottoClient): NoticeCode[] {
  const codes: NoticeCode[] = [];
  client.notices.subscribe((notices) => codes.push(...notices.map(({ code }) => code)));
  return codes;
}

test.concurrent(
  'the relay is restored from an older copy: what it had forgotten is sent again, nothing is lost or doubled',
  TIMEOUT,
  () =>
    Place.within(async (place) => {
      const alice = await place.opens('alice');
      const before = await place.opens('bob');
      await says(alice, 'bob', 'one', 'delivered');
      await says(before, 'alice', 'two', 'delivered');
      await place.relay?.close();
      place.backUp('relay');
      await place.relayStarts();
      await says(alice, 'bob', 'three', 'delivered');
      await place.closes(before);
      // Acknowledged by the relay, and then in none of its copies.
      await says(alice, 'bob', 'four', 'sent');
      await place.relay?.close();
      place.restore('relay');
      await place.relayStarts();

      const bob = await place.opens('bob');
      await says(alice, 'bob', 'five', 'sent');
      await says(bob, 'alice', 'six', 'delivered');
      const his = await showsAll(bob, 'alice', 'one', 'two', 'three', 'four', 'five', 'six');
      expect(texts(his)).toHaveLength(6);
      expect(texts(await showsAll(alice, 'bob', 'six'))).toHaveLength(6);
    }),
);

test.concurrent(
  'a client is restored from an older profile: it is told, its old ratchets rest, and talking goes on',
  TIMEOUT,
  () =>
    Place.within(async (place) => {
      const alice = await place.opens('alice');
      const first = await place.opens('bob');
      await says(alice, 'bob', 'one', 'delivered');
      await says(first, 'alice', 'two', 'delivered');
      await place.closes(first);
      place.backUp('bob');
      const second = await place.opens('bob');
      await says(alice, 'bob', 'three', 'delivered');
      await says(second, 'alice', 'four', 'delivered');
      await place.closes(second);
      place.restore('bob');

      const bob = await place.opens('bob');
      const notices = noticesOf(bob);
      // Sealed for ratchets that went with the lost profile.
      await says(alice, 'bob', 'five', 'sent');
      await says(bob, 'alice', 'six', 'delivered');
      await says(alice, 'bob', 'seven', 'delivered');
      const hers = await showsAll(alice, 'bob', 'one', 'two', 'three', 'four', 'five', 'six', 'seven');
      expect(texts(hers)).toHaveLength(7);
      // What the lost profile had acknowledged, and what nobody can open now, comes again, or its absence shows.
      await sees(bob, 'alice', 'everything, or that it is missing', (messages) => {
        const shown = texts(messages);
        const hasMark = messages.some(({ kind }) => kind === 'missing' || kind === 'undecryptable');
        return (
          ['one', 'two', 'six', 'seven'].every((text) => shown.includes(text)) &&
          (hasMark || ['three', 'five'].every((text) => shown.includes(text)))
        );
      });
      await until(
        'the notice',
        async () => notices,
        (codes) => codes.includes('restored-device'),
        PATIENCE_MS,
      );
    }),
);
