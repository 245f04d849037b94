import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test, vi } from 'vitest';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const entry = fileURLToPath(new URL('../../src/index.ts', import.meta.url));
const examples = [...readme.matchAll(/## (.+?)\n(?:(?!## )[\s\S])*?```ts\n([\s\S]*?)```/g)].map((found) => ({
  title: found[1] ?? '',
  code: found[2] ?? '',
}));
const folder = mkdtempSync(join(tmpdir(), 'sotto-readme-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('the README has its four examples', () => {
  const titles = ['A session', 'A group', 'A safety number', 'Faster with WebCrypto'];
  expect(examples.map(({ title }) => title)).toEqual(titles);
});

test.each(examples)('$title: prints what its comments say', async ({ title, code }) => {
  const expected = [...code.matchAll(/console\.log\(.*\); \/\/ ([^:\n]+)/g)].map(([, output]) => output);
  const printed = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const file = join(folder, `${title.toLowerCase().replaceAll(' ', '-')}.ts`);
  writeFileSync(file, code.replaceAll("'@sotto/crypto'", JSON.stringify(entry)));
  await import(/* @vite-ignore */ file);
  expect(printed.mock.calls.map(([output]) => String(output))).toEqual(expected);
  printed.mockRestore();
});
