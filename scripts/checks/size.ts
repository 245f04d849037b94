import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

import { build, type Metafile } from 'esbuild';

import { readJson, ROOT } from '../lib/repository.js';

/** Bytes, gzip -9: the last measured value, which the next may exceed by 3 %. */
interface Budget {
  goalBytes: number;
  startBytes: number;
}

const BUDGET_FILE = join(ROOT, 'scripts/checks/size-budget.json');
const TOLERANCE = 1.03;

const APP = `
import { createClient } from '@sotto/sdk';
globalThis.sotto = createClient;
`;

/** Chunks that most pages never load. All others count, also those behind a dynamic import: the leading tab needs the engine. */
const RARELY = /argon2|export|sealing|linking|library-wire/;

interface Chunk {
  name: string;
  /** Bytes, gzip -9. */
  bytes: number;
  /** Needed before anything can be shown: the rest loads meanwhile. */
  first: boolean;
}

interface Sizes {
  start: Chunk[];
  rare: Chunk[];
  /** Minified bytes before compression by package, largest first. */
  origins: [string, number][];
  wasm: string[];
}

/** Bundles a small app around the built SDK as an app developer would, and weighs it. */
async function measure(): Promise<Sizes> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: APP, resolveDir: join(ROOT, 'packages/widget'), sourcefile: 'app.js' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    outdir: 'out',
    write: false,
    metafile: true,
    logLevel: 'error',
  });
  const first = staticImports(metafile);
  const chunks = outputFiles.map((file) => ({
    name: basename(file.path),
    bytes: gzipSync(file.contents, { level: 9 }).length,
    first: first.has(basename(file.path)),
  }));
  return {
    start: chunks.filter(({ name }) => !RARELY.test(name)),
    rare: chunks.filter(({ name }) => RARELY.test(name)),
    origins: origins(metafile),
    // A module in the text would begin with the base64 of its magic number.
    wasm: outputFiles
      .filter((file) => file.path.endsWith('.wasm') || file.text.includes('AGFzbQ'))
      .map((file) => file.path),
  };
}

/** The app's own file, and what it imports without `import()`. */
function staticImports({ outputs }: Metafile): Set<string> {
  const byName = new Map(Object.entries(outputs).map(([path, output]) => [basename(path), output]));
  const found = new Set(['stdin.js']);
  for (const name of found) {
    for (const { path, kind } of byName.get(name)?.imports ?? [])
      if (kind === 'import-statement') found.add(basename(path));
  }
  return found;
}

function origins({ outputs }: Metafile): [string, number][] {
  const bytes = new Map<string, number>();
  for (const { inputs } of Object.values(outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const name = packageOf(path);
      bytes.set(name, (bytes.get(name) ?? 0) + bytesInOutput);
    }
  }
  return [...bytes].sort(([, a], [, b]) => b - a);
}

/** `node_modules/.pnpm/idb@8/node_modules/idb/x.js` is of `idb`, `packages/sdk/dist/x.js` of `packages/sdk`. */
function packageOf(path: string): string {
  const inPackage = path.split('node_modules/').at(-1) ?? path;
  return inPackage
    .split('/')
    .slice(0, inPackage.startsWith('@') || inPackage === path ? 2 : 1)
    .join('/');
}

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} KB`;

/** Prints the size of the SDK and compares it with the budget. */
export async function checkSize(update = false): Promise<boolean> {
  const budget = readJson(BUDGET_FILE) as Budget;
  const { start, rare, origins, wasm } = await measure();
  const total = start.reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(`SDK in an app, minified and gzipped, everything included: ${kilobytes(total)}`);
  console.log(`goal ${kilobytes(budget.goalBytes)}, last ${kilobytes(budget.startBytes)}`);
  const firstBytes = start.reduce((sum, { bytes, first }) => sum + (first ? bytes : 0), 0);
  console.log(`of it before the history can be shown: ${kilobytes(firstBytes)}; the engine loads meanwhile`);
  for (const { name, bytes, first } of start)
    console.log(`  ${name.padEnd(40)} ${kilobytes(bytes)}${first ? '' : ' (meanwhile)'}`);
  for (const { name, bytes } of rare)
    console.log(`  ${name.padEnd(40)} ${kilobytes(bytes)} (only when used, not counted)`);
  console.log(`before gzip: ${origins.map(([name, bytes]) => `${name} ${kilobytes(bytes)}`).join(', ')}`);
  if (update) {
    writeFileSync(BUDGET_FILE, `${JSON.stringify({ ...budget, startBytes: total }, null, 2)}\n`);
    return true;
  }
  const limit = Math.floor(budget.startBytes * TOLERANCE);
  if (wasm.length > 0) console.error(`WebAssembly in the bundle: ${wasm.join(', ')}`);
  if (total > limit) {
    console.error(
      `The SDK grew beyond ${kilobytes(limit)}. If it is worth it: pnpm size --update, and say why in the commit.`,
    );
  }
  return total <= limit && wasm.length === 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = (await checkSize(process.argv.includes('--update'))) ? 0 : 1;
}
