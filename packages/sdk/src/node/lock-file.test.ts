import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { lockFile } from './lock-file.js';

test('a bot that was killed in a container starts again: the process before had its number', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-lock-'));
  const path = join(folder, 'bot.pid');
  await writeFile(path, String(process.pid));
  const unlock = await lockFile(path);
  await expect(lockFile(path)).rejects.toMatchObject({ code: 'storage-in-use' });
  await unlock();
  await (
    await lockFile(path)
  )();
  await rm(folder, { recursive: true });
});
