import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

import { build, type Metafile, type Plugin } from 'esbuild';

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

/**
 * Behind a dynamic import, and nothing that is shown, sent or read at start waits for it. What typing and presence, safety numbers,
 * linking and exports need is fetched some seconds after the tab is online, or as soon as somebody asks for it; the rest only
 * where there is no database, no WebSocket or no worker. All else behind a dynamic import counts, and the worker with the engine.
 */
const LATER = /^(later-parts|memory-tables|library-wire|engine-module)-/;

interface Chunk {
  name: string;
  /** Bytes, gzip -9. */
  bytes: number;
  when: 'first' | 'meanwhile' | 'later';
}

const ORDER: readonly Chunk['when'][] = ['first', 'meanwhile', 'later'];
const NOTE = { first: '', meanwhile: ' (meanwhile)', later: ' (later, not counted)' };

interface Sizes {
  chunks: Chunk[];
  /** Minified bytes before compression by package, largest first. */
  origins: [string, number][];
  wasm: string[];
}

const WORKER = 'engine-worker';

/** The app is text, so that it needs no file. */
function appFrom(contents: string): Plugin {
  return {
    name: 'app',
    setup(build) {
      build.onResolve({ filter: /^app$/ }, () => ({ path: 'app', namespace: 'app' }));
      build.onLoad({ filter: /.*/, namespace: 'app' }, () => ({ contents, resolveDir: join(ROOT, 'packages/widget') }));
    },
  };
}

/** Bundles a small app around the built SDK as an app developer would, and weighs it. */
async function measure(): Promise<Sizes> {
  const { outputFiles, metafile } = await build({
    entryPoints: { app: 'app', [WORKER]: '@sotto/sdk/engine-worker' },
    plugins: [appFrom(APP)],
    absWorkingDir: join(ROOT, 'packages/widget'),
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
  const first = reached(metafile, ['app.js'], (kind) => kind === 'import-statement');
  const started = ['app.js', `${WORKER}.js`];
  const start = reached(metafile, started, (kind, name) => kind === 'import-statement' || !LATER.test(name));
  const chunks = outputFiles.map((file): Chunk => {
    const name = basename(file.path);
    const bytes = gzipSync(file.contents, { level: 9 }).length;
    return { name, bytes, when: first.has(name) ? 'first' : start.has(name) ? 'meanwhile' : 'later' };
  });
  return {
    chunks: chunks.sort((a, b) => ORDER.indexOf(a.when) - ORDER.indexOf(b.when)),
    origins: origins(metafile),
    // A module in the text would begin with the base64 of its magic number.
    wasm: outputFiles
      .filter((file) => file.path.endsWith('.wasm') || file.text.includes('AGFzbQ'))
      .map((file) => file.path),
  };
}

/** The files that a page starts with, and what they lead to by the imports that are followed. */
function reached(
  { outputs }: Metafile,
  entries: readonly string[],
  follow: (kind: string, name: string) => boolean,
): Set<string> {
  const byName = new Map(Object.entries(outputs).map(([path, output]) => [basename(path), output]));
  const found = new Set(entries);
  for (const name of found) {
    for (const { path, kind } of byName.get(name)?.imports ?? [])
      if (follow(kind, basename(path))) found.add(basename(path));
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
  const { chunks, origins, wasm } = await measure();
  const weigh = (...when: Chunk['when'][]) =>
    chunks.reduce((sum, chunk) => sum + (when.includes(chunk.when) ? chunk.bytes : 0), 0);
  const total = weigh('first', 'meanwhile');
  console.log(`SDK in an app at start, minified and gzipped: ${kilobytes(total)}`);
  console.log(`goal ${kilobytes(budget.goalBytes)}, last ${kilobytes(budget.startBytes)}`);
  console.log(`of it before the history can be shown: ${kilobytes(weigh('first'))}; the engine loads meanwhile`);
  for (const { name, bytes, when } of chunks) console.log(`  ${name.padEnd(40)} ${kilobytes(bytes)}${NOTE[when]}`);
  console.log(`loaded some seconds later or only where needed, not counted: ${kilobytes(weigh('later'))}`);
  console.log(`before gzip: ${origins.map(([name, bytes]) => `${name} ${kilobytes(bytes)}`).join(', ')}`);
  if (update) {
    writeFileSync(BUDGET_FILE, `${JSON.stringify({ ...budget, startBytes: total }, null, 2)}\n`);
    return true;
  }
  // A goal that was reached once is not given up again.
  const reached = budget.startBytes <= budget.goalBytes ? budget.goalBytes : Infinity;
  const limit = Math.min(reached, Math.floor(budget.startBytes * TOLERANCE));
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
