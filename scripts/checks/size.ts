import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

interface Sizes {
  /** Everything that a page loads before the first message: crypto, socket, stores, schemas. */
  start: number;
  /** Chunks behind a dynamic import. */
  lazy: { name: string; bytes: number }[];
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
  });
  const weight = new Map(
    outputFiles.map((file) => [file.path.split('/').at(-1), gzipSync(file.contents, { level: 9 }).length]),
  );
  const weigh = (output: string) => weight.get(output.split('/').at(-1)) ?? 0;
  const eager = startOutputs(metafile);
  return {
    start: [...eager].reduce((sum, output) => sum + weigh(output), 0),
    lazy: Object.keys(metafile.outputs)
      .filter((output) => !eager.has(output))
      .map((name) => ({ name, bytes: weigh(name) })),
    wasm: outputFiles
      .filter((file) => file.path.endsWith('.wasm') || file.text.includes('AGFzbQ'))
      .map((file) => file.path),
  };
}

/** The entry and all chunks that it imports statically. */
function startOutputs({ outputs }: Metafile): Set<string> {
  const found = new Set<string>();
  const follow = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    for (const { path, kind } of outputs[name]?.imports ?? []) if (kind === 'import-statement') follow(path);
  };
  for (const [name, { entryPoint }] of Object.entries(outputs)) if (entryPoint === 'app.js') follow(name);
  return found;
}

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} KB`;

/** Prints the size of the SDK and compares it with the budget. */
export async function checkSize(update = false): Promise<boolean> {
  const budget = readJson(BUDGET_FILE) as Budget;
  const { start, lazy, wasm } = await measure();
  console.log(
    `SDK, minified and gzipped, everything included: ${kilobytes(start)} (goal ${kilobytes(budget.goalBytes)}, last ${kilobytes(budget.startBytes)})`,
  );
  for (const { name, bytes } of lazy) console.log(`  loaded later: ${name} ${kilobytes(bytes)}`);
  if (wasm.length > 0) console.error(`WebAssembly in the bundle: ${wasm.join(', ')}`);
  if (update) {
    writeFileSync(BUDGET_FILE, `${JSON.stringify({ ...budget, startBytes: start }, null, 2)}\n`);
    return true;
  }
  const limit = Math.floor(budget.startBytes * TOLERANCE);
  if (start > limit) {
    console.error(
      `The SDK grew beyond ${kilobytes(limit)}. If it is worth it: pnpm size --update, and say why in the commit.`,
    );
  }
  return start <= limit && wasm.length === 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = (await checkSize(process.argv.includes('--update'))) ? 0 : 1;
}
