import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { transpileModule, ModuleKind, ScriptTarget } from 'typescript';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { lockFile } from './lock-file.js';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sotto-lock-'));
  path = join(folder, 'bot.pid');
});
afterEach(() => rm(folder, { recursive: true }));

test('a bot that was killed in a container starts again: the process before had its number', async () => {
  await writeFile(`${path}.${process.pid}.before`, '');
  const unlock = await lockFile(path);
  await expect(lockFile(path)).rejects.toMatchObject({ code: 'storage-in-use' });
  await unlock();
  await (
    await lockFile(path)
  )();
  expect(await readdir(folder)).toEqual([]);
});

test('within one process one of several has it', async () => {
  const all = await Promise.allSettled(Array.from({ length: 5 }, () => lockFile(path)));
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

/** The sources as plain JavaScript, for processes that know no TypeScript. */
async function contender(): Promise<string> {
  const compilerOptions = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 };
  for (const source of ['node/lock-file', 'errors']) {
    const text = await readFile(join(import.meta.dirname, '..', `${source}.ts`), 'utf8');
    const target = join(folder, 'code', `${source}.js`);
    await mkdir(join(target, '..'), { recursive: true });
    await writeFile(target, transpileModule(text, { compilerOptions }).outputText);
  }
  await writeFile(join(folder, 'code', 'package.json'), '{"type":"module"}');
  const main = join(folder, 'code', 'main.js');
  await writeFile(
    main,
    `import { lockFile } from './node/lock-file.js';
     process.stdin.once('data', () => lockFile(process.argv[2]).then(() => console.log('has'), ({ code }) => console.log(code)));
     process.stdin.on('end', () => process.exit());
     console.log('ready');`,
  );
  return main;
}

const says = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    child.stdout?.once('data', (data: Buffer) => resolve(String(data).trim()));
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)));
  });

test('processes that find the lock of a dead one at the same moment: one of them has it', async () => {
  const main = await contender();
  const dead = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => dead.once('exit', resolve));
  for (let round = 0; round < 5; round++) {
    await writeFile(`${path}.${dead.pid}.dead${round}`, '');
    const children = Array.from({ length: 5 }, () => spawn(process.execPath, [main, path], { stdio: 'pipe' }));
    await Promise.all(children.map(says));
    const answers = children.map(says);
    for (const child of children) child.stdin.write('go');
    expect((await Promise.all(answers)).sort()).toEqual([
      'has',
      'storage-in-use',
      'storage-in-use',
      'storage-in-use',
      'storage-in-use',
    ]);
    // Killed, not ended: what they leave behind is for the next round.
    const gone = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(gone);
  }
});
