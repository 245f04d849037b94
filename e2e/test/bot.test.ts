import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startRelay, type Relay } from '@sotto/relay';
import { createClient, type Message, type SottoClient } from '@sotto/sdk';
import { fileStorage } from '@sotto/sdk/node';
import { afterAll, beforeAll, expect, test } from 'vitest';

const BOT = fileURLToPath(new URL('../../examples/bot/bot.ts', import.meta.url));

let relay: Relay;
let folder: string;
const bots = new Set<ChildProcess>();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sotto-bot-'));
  relay = await startRelay({ host: '127.0.0.1', port: 0, memory: true, dev: true, logLevel: 'silent' });
});
afterAll(async () => {
  for (const bot of bots) bot.kill('SIGKILL');
  await relay.close();
  rmSync(folder, { recursive: true });
});

/** The example as a person starts it. */
function startBot(): { stop(signal: NodeJS.Signals): Promise<unknown> } {
  const bot = spawn(process.execPath, ['--conditions=@sotto/source', '--import', 'tsx', BOT], {
    env: { PATH: process.env['PATH'], SOTTO_RELAY: relay.url, BOT_DATA: join(folder, 'bot') },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  bots.add(bot);
  const exited = once(bot, 'exit').then(([code]: unknown[]) => code);
  return {
    stop: (signal) => {
      bot.kill(signal);
      return exited;
    },
  };
}

const open = (user: string, storage: 'memory' | ReturnType<typeof fileStorage>): Promise<SottoClient> =>
  createClient({
    relay: relay.url,
    app: 'dev',
    user,
    token: () => fetch(`${relay.url}/dev/token?user=${user}`).then((response) => response.text()),
    storage,
  });

function answers(client: SottoClient, count: number): Promise<string[]> {
  return new Promise((resolve) => {
    const stop = client.direct('echo').messages.subscribe((list: readonly Message[]) => {
      const theirs = list.filter(({ mine }) => !mine);
      if (theirs.length < count) return;
      resolve(theirs.map(({ kind, text }) => (kind === 'text' ? text : kind)));
      queueMicrotask(() => {
        stop();
      });
    });
  });
}

test('the echo bot answers, is killed, and is the same one with the same keys when it comes back', async () => {
  expect(readFileSync(BOT, 'utf8').split('\n').length).toBeLessThan(30);
  const alice = await open('alice', 'memory');
  const first = startBot();
  // Until the bot has registered, the message waits here.
  await alice.direct('echo').send('one');
  expect(await answers(alice, 1)).toEqual(['You said: one']);
  await first.stop('SIGKILL');
  await alice.direct('echo').send('two');
  const second = startBot();
  // An identity of its own again would show as `identity-changed`, a lost session as `undecryptable`.
  expect(await answers(alice, 2)).toEqual(['You said: one', 'You said: two']);
  expect(await second.stop('SIGTERM')).toBe(0);
  expect(statSync(join(folder, 'bot')).mode & 0o077).toBe(0);
  await alice.close();
});

test('files serve one process at a time; closing gives them back, and destroy removes them', async () => {
  const storage = fileStorage(join(folder, 'one'));
  const carol = await open('carol', storage);
  await expect(open('carol', storage)).rejects.toMatchObject({ name: 'SottoError', code: 'storage-in-use' });
  await carol.direct('dave').send('kept');
  await carol.close();
  const again = await open('carol', storage);
  const kept = await new Promise((resolve) => {
    again.direct('dave').messages.subscribe(([message]) => {
      if (message) resolve(message.text);
    });
  });
  expect(kept).toBe('kept');
  await again.destroy();
  expect(readdirSync(join(folder, 'one'))).toEqual([]);
});
