/**
 * `pnpm bench:relay [figure ...]`: what a relay carries, with the load generators, PostgreSQL and Redis on the same machine,
 * and next to it what a peer carries. Durable one-to-one messages of 400 bytes unless a figure says otherwise: the sender
 * is answered after the commit (fsync on), the recipient receives and acknowledges; tokens, device checks, limits and
 * dedupe as in production. The open loop says what the machine itself takes, before each rate (`floor.ts`).
 *
 *     --seconds 5   length of a run     --runs 5   runs of each figure (the table shows medians)
 *     --connections 100000   sockets of the figure `idle`
 *     --seed TEXT   of the bytes sent   --json FILE   --profile FOLDER   processor profiles of the relay
 *     --node=FLAGS   of the relay's Node, such as --node=--trace-gc
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';

import { openBench, type Bench, type Row } from './context.js';
import { backlog } from './figures/backlog.js';
import { fanout } from './figures/fanout.js';
import { idle } from './figures/idle.js';
import { openLoop, pglite } from './figures/openloop.js';
import { recovery } from './figures/recovery.js';
import { throughput } from './figures/throughput.js';
import { buildPrograms } from './programs.js';
import { print } from './table.js';

const FIGURES: Record<string, (bench: Bench) => Promise<Row[]>> = {
  throughput,
  openloop: openLoop,
  pglite,
  idle,
  backlog,
  fanout,
  recovery,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '5' },
    runs: { type: 'string', default: '5' },
    connections: { type: 'string', default: '100000' },
    seed: { type: 'string', default: 'sotto' },
    json: { type: 'string', default: 'bench-results/relay.json' },
    profile: { type: 'string' },
    node: { type: 'string', default: '' },
  },
});

async function main(): Promise<void> {
  const wanted = positionals.length > 0 ? positionals : Object.keys(FIGURES);
  const unknown = wanted.filter((name) => !(name in FIGURES));
  if (unknown.length > 0)
    throw new Error(`There is no ${unknown.join(', ')}; figures: ${Object.keys(FIGURES).join(' ')}`);
  const options = {
    seed: values.seed,
    connections: Number(values.connections),
    seconds: Number(values.seconds),
    runs: Number(values.runs),
    nodeOptions: [
      ...values.node.split(' ').filter((flag) => flag !== ''),
      ...(values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]),
    ],
  };
  const bench = openBench(options, await buildPrograms());
  const rows: Row[] = [];
  try {
    for (const name of wanted) {
      const found = (await FIGURES[name]?.(bench)) ?? [];
      print(found);
      rows.push(...found);
    }
  } finally {
    await bench.remove();
  }
  const machine = { cores: cpus().length, model: cpus()[0]?.model, kernel: release(), node: process.version };
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(
    values.json,
    `${JSON.stringify({ at: new Date().toISOString(), machine, ...options, rows }, null, 2)}\n`,
  );
  process.stdout.write(`\n${values.json}\n`);
}

await main();
