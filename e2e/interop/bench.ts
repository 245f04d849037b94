/**
 * `pnpm bench:crypto [--rounds 7] [--milliseconds 300] [--no-browser]`: our crypto beside the official native library
 * and the TypeScript peer, in one run, states serialised and stored after every operation; then ours in Chromium.
 * Prints tables and writes bench-results/crypto.json.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { chromium } from 'playwright';
import { CHROMIUM_ARGS, findChromium } from '../../scripts/services/chromium.js';
import { official } from './bench/official.js';
import type { ours as oursInBundle } from './bench/ours.js';
import { typescriptPeer } from './bench/typescript-peer.js';
import { FIGURES, measure, type Figure, type Measurement, type Sizes } from './bench/workload.js';

declare global {
  // Left on the page by its script.
  var benchOurs: ((given: typeof options) => Promise<Measurement[]>) | undefined;
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    milliseconds: { type: 'string', default: '300' },
    'no-browser': { type: 'boolean', default: false },
  },
});
const options = { rounds: Number(values.rounds), milliseconds: Number(values.milliseconds) };

/** One file as an app's bundler makes it: TypeScript loaders add calls of their own to every function. */
async function bundleOurs(platform: 'node' | 'browser', outfile?: string): Promise<string> {
  const result = await build({
    stdin: {
      contents: "export { ours } from './bench/ours.js'; export { measure } from './bench/workload.js';",
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform,
    conditions: ['@sotto/source'],
    write: outfile !== undefined,
    ...(outfile === undefined ? {} : { outfile }),
  });
  return result.outputFiles?.[0]?.text ?? '';
}

async function measureInNode(): Promise<{ measurements: Measurement[]; sizes: Sizes[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  try {
    const outfile = join(folder, 'ours.mjs');
    await bundleOurs('node', outfile);
    const { ours } = (await import(outfile)) as { ours: typeof oursInBundle };
    const parties = [await ours(), await official(), await typescriptPeer()];
    // Before the counters grow: all are at the same message.
    const sizes: Sizes[] = [];
    for (const party of parties) sizes.push(await party.sizes());
    const measurements = await measure(
      parties.flatMap(({ workloads }) => workloads),
      options,
    );
    return { measurements, sizes };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const PAGE = `<!doctype html><script type="module">
  import { measure, ours } from '/bench.js';
  globalThis.benchOurs = async (options) => measure((await ours()).workloads, options);
</script>`;

async function measureInChromium(): Promise<Measurement[]> {
  const executablePath = await findChromium();
  if (executablePath === null) return [];
  const script = await bundleOurs('browser');
  const server = createServer((request, response) => {
    const isScript = request.url === '/bench.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script : PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGS });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${address.port}/`);
    await page.waitForFunction(() => globalThis.benchOurs !== undefined);
    return await page.evaluate(async (given) => (await globalThis.benchOurs?.(given)) ?? [], options);
  } finally {
    await browser.close();
    server.close();
  }
}

function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** A measurement in relation to a peer's, by medians and by best rounds. */
function ratio(
  measured: Measurement,
  peer: Measurement | undefined,
  how: (mine: number, theirs: number) => string,
): string {
  if (peer === undefined || peer === measured) return '';
  return `${how(measured.microseconds, peer.microseconds)} (best ${how(measured.best, peer.best)}) ${peer.label}`;
}

function printTable(title: string, measurements: readonly Measurement[]): void {
  print(`\n${title}: median, best round`);
  for (const figure of Object.keys(FIGURES) as Figure[]) {
    print(`\n  ${FIGURES[figure]}`);
    const ofFigure = measurements.filter((found) => found.figure === figure);
    const native = ofFigure.find(({ label }) => label.startsWith('libsignal'));
    const typescript = ofFigure.find(({ label }) => label.startsWith('privacyresearch'));
    for (const measured of ofFigure) {
      const ratios = [
        ratio(measured, native, (mine, theirs) => `${(mine / theirs).toFixed(2)} x`),
        measured === native ? '' : ratio(measured, typescript, (mine, theirs) => `1/${(theirs / mine).toFixed(1)}`),
      ];
      const numbers = [measured.microseconds, measured.best].map((value) => value.toFixed(0).padStart(7));
      print(`    ${measured.label.padEnd(30)}${numbers.join('')} us   ${ratios.filter(Boolean).join(', ')}`);
    }
  }
}

const { measurements, sizes } = await measureInNode();
printTable(`Node ${process.version}, ${options.rounds} rounds`, measurements);
print('\nSizes: a 200-byte message within a chain on the wire, the larger session record');
for (const { label, messageBytes, recordBytes } of sizes) {
  print(`    ${label.padEnd(32)} ${messageBytes} bytes, ${recordBytes} bytes`);
}
const inChromium = values['no-browser'] ? [] : await measureInChromium();
if (inChromium.length > 0) printTable('Chromium', inChromium);

const results = new URL('../../bench-results/', import.meta.url);
mkdirSync(results, { recursive: true });
const content = { node: process.version, options, measurements, sizes, chromium: inChromium };
writeFileSync(new URL('crypto.json', results), `${JSON.stringify(content, null, 2)}\n`);
