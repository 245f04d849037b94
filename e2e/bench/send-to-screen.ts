/**
 * How long from a keypress on Send at Alice's until the text stands in Bob's DOM: two browser tabs, one local relay.
 * Both tabs run in one browser process and so share a clock; the relay, the browser and this program share the machine.
 *
 *   pnpm bench:e2e [--messages N] [--setup embedded|cluster]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { ROOT } from '../../scripts/lib/repository.js';
import type { Setup } from '../support/backend.js';
import type { Tab } from '../support/person.js';
import { World } from '../support/world.js';

/** Sessions, prekeys and code paths are warm after these. */
const WARM_UP = 20;

interface Result {
  setup: Setup;
  messages: number;
  medianMs: number;
  p95Ms: number;
  maxMs: number;
}

/** Notes in the page when each text first stands in the DOM, in milliseconds since the epoch with fractions. */
async function watchScreen(tab: Tab): Promise<void> {
  await tab.page.evaluate(() => {
    const seen = new Map<string, number>();
    Object.assign(window, { seen });
    const root = document.querySelector('sotto-chat')?.shadowRoot;
    if (!root) throw new Error('no chat on this page');
    // No named function: the transpiler would wrap it in a helper that the page does not have.
    new MutationObserver(() => {
      for (const { textContent } of root.querySelectorAll('.message .text')) {
        if (!seen.has(textContent)) seen.set(textContent, performance.timeOrigin + performance.now());
      }
    }).observe(root, { childList: true, subtree: true, characterData: true });
  });
}

/** Notes the moment of the keydown itself, so that the driver's own delay does not count. */
async function watchKey(tab: Tab): Promise<void> {
  await tab.page.evaluate(() => {
    addEventListener(
      'keydown',
      (event) => {
        if (event.key === 'Enter') Object.assign(window, { pressedAt: performance.timeOrigin + event.timeStamp });
      },
      { capture: true },
    );
  });
}

async function once(her: Tab, his: Tab, text: string): Promise<number> {
  await her.send(text);
  const shownAt = await his.page.waitForFunction(
    (wanted) => (window as unknown as { seen: Map<string, number> }).seen.get(wanted),
    text,
  );
  const pressedAt = await her.page.evaluate(() => (window as unknown as { pressedAt: number }).pressedAt);
  return ((await shownAt.jsonValue()) ?? Number.NaN) - pressedAt;
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function measure(setup: Setup, messages: number): Promise<Result> {
  const world = await World.create(setup);
  try {
    const [alice, bob] = [await world.person('alice', 'bob'), await world.person('bob', 'alice')];
    const [her, his] = [await alice.open(), await bob.open()];
    await Promise.all([her.isIn('online'), his.isIn('online')]);
    await Promise.all([watchKey(her), watchScreen(his)]);
    for (let i = 0; i < WARM_UP; i++) await once(her, his, `warm-up ${i}`);
    const times: number[] = [];
    for (let i = 0; i < messages; i++) times.push(await once(her, his, `message ${i}`));
    const sorted = times.sort((a, b) => a - b);
    return {
      setup,
      messages,
      medianMs: quantile(sorted, 0.5),
      p95Ms: quantile(sorted, 0.95),
      maxMs: quantile(sorted, 1),
    };
  } finally {
    await world.end();
  }
}

const { values } = parseArgs({
  options: { messages: { type: 'string', default: '200' }, setup: { type: 'string' } },
});
const setups = (['embedded', 'cluster'] as const).filter(
  (setup) => values.setup === undefined || values.setup === setup,
);
const results: Result[] = [];
for (const setup of setups) results.push(await measure(setup, Number(values.messages)));

console.log('keypress on Send at Alice’s -> text in Bob’s DOM, milliseconds');
console.table(
  Object.fromEntries(
    results.map(({ setup, messages, medianMs, p95Ms, maxMs }) => [
      setup,
      { messages, median: medianMs.toFixed(1), p95: p95Ms.toFixed(1), max: maxMs.toFixed(1) },
    ]),
  ),
);
const folder = join(ROOT, 'bench-results');
mkdirSync(folder, { recursive: true });
const file = join(folder, 'e2e.json');
writeFileSync(
  file,
  `${JSON.stringify({ at: new Date().toISOString(), node: process.version, cpus: cpus().length, results }, null, 2)}\n`,
);
console.log(file);
