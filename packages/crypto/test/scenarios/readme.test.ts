import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test, vi } from 'vitest';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const source = (path: string): string => JSON.stringify(fileURLToPath(new URL(`../../src/${path}`, import.meta.url)));
const entries = {
  "'@sotto/crypto'": source('index.ts'),
  "'@sotto/crypto/attachment'": source('attachment/index.ts'),
  "'@sotto/crypto/fingerprint'": source('fingerprint/index.ts'),
  "'@sotto/crypto/sealing'": source('sealing/index.ts'),
};
const examples = [...readme.matchAll(/## (.+?)\n(?:(?!## )[\s\S])*?```ts\n([\s\S]*?)```/g)].map((found) => ({
  title: found[1] ?? '',
  code: found[2] ?? '',
}));
const folder = mkdtempSync(join(tmpdir(), 'sotto-readme-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('the README has its five examples', () => {
  const titles = ['A session', 'A group', 'A safety number', 'Faster with WebCrypto', 'Files and passphrases'];
  expect(examples.map(({ title }) => title)).toEqual(titles);
});

test.each(examples)(
  '$title: prints what its comments say',
  async ({ title, code }) => {
    const expected = [...code.matchAll(/console\.log\(.*\); \/\/ ([^:\n]+)/g)].map(([, output]) => output);
    const printed = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const file = join(folder, `${title.toLowerCase().replaceAll(' ', '-')}.ts`);
    const local = Object.entries(entries).reduce((text, [name, path]) => text.replaceAll(name, path), code);
    writeFileSync(file, local);
    await import(/* @vite-ignore */ file);
    expect(printed.mock.calls.map(([output]) => String(output))).toEqual(expected);
    printed.mockRestore();
  },
  30_000,
);
