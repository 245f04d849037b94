/**
 * `pnpm --filter @sotto/relay bench`: what one relay process carries, with the load generator, PostgreSQL and Redis on the
 * same machine. Durable one-to-one messages of 400 bytes: the sender is answered after the commit (fsync on), the
 * recipient receives and acknowledges; tokens, device checks, limits and dedupe as in production.
 *
 *     --seconds 5   length of one run      --runs 3   runs of the throughput rows (the table shows the median)
 *     --json FILE   also writes the figures
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { connect, messageTo, newUser } from '../test/support/device.js';
import { startPostgres } from '../test/support/postgres.js';
import { startRelayProcess } from '../test/support/process.js';
import { startRedis } from '../test/support/redis.js';
import { Party } from './party.js';

const PAIRS = 50;
const OUTSTANDING = 8;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    runs: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const runs = Number(values.runs);

interface Row {
  what: string;
  store: string;
  perSecond: number;
  /** Milliseconds from submit to delivery. */
  p50: number;
  p99: number;
  spread: number[];
}

async function openParties(url: string, run: string): Promise<Party[]> {
  const devices = await Promise.all(Array.from({ length: PAIRS * 2 }, (_, index) => newUser(url, `${run}-${index}`)));
  return Promise.all(
    devices.map(async (device, index) => {
      const peer = devices[index ^ 1];
      if (!peer) throw new Error('everybody has a peer');
      return new Party(await connect(device), (payload) => messageTo(peer, { payload }));
    }),
  );
}

function percentile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

function median(values: number[]): number {
  return percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

/** Everybody keeps so many submits open. */
async function closedLoop(store: string, url: string): Promise<Row> {
  const results: { rate: number; latencies: number[] }[] = [];
  for (let run = 0; run < runs; run++) {
    const parties = await openParties(url, `closed-${store}-${run}`);
    const started = performance.now();
    const deadline = started + seconds * 1000;
    await Promise.all(parties.map((party) => party.keepOpen(OUTSTANDING / 2, deadline)));
    const elapsed = (performance.now() - started) / 1000;
    const sent = parties.reduce((total, { sent: count }) => total + count, 0);
    await Promise.all(parties.map((party) => party.close()));
    results.push({ rate: sent / elapsed, latencies: parties.flatMap(({ latencies }) => latencies) });
  }
  const rates = results.map(({ rate }) => Math.round(rate));
  const latencies = results.flatMap(({ latencies: each }) => each).sort((a, b) => a - b);
  return {
    what: `${PAIRS} pairs x ${OUTSTANDING} outstanding`,
    store,
    perSecond: median(rates),
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    spread: rates.sort((a, b) => a - b),
  };
}

/** So many submits a second, whether answered or not. */
async function openLoop(store: string, url: string, perSecond: number): Promise<Row> {
  const parties = await openParties(url, `open-${store}-${perSecond}`);
  const started = performance.now();
  let sent = 0;
  const pending: Promise<void>[] = [];
  while (performance.now() - started < seconds * 1000) {
    const due = Math.floor(((performance.now() - started) / 1000) * perSecond);
    for (; sent < due; sent++) {
      const party = parties[sent % parties.length];
      if (party) pending.push(party.submit());
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(pending);
  const rate = sent / ((performance.now() - started) / 1000);
  await Promise.all(parties.map((party) => party.close()));
  const latencies = parties.flatMap(({ latencies: each }) => each).sort((a, b) => a - b);
  return {
    what: `open loop ${perSecond}/s`,
    store,
    perSecond: Math.round(rate),
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    spread: [],
  };
}

async function measure(store: string, environment: Record<string, string>): Promise<Row[]> {
  const relay = await startRelayProcess(environment);
  const rows: Row[] = [];
  for (const rate of [833, 2000]) rows.push(await openLoop(store, relay.url, rate));
  rows.push(await closedLoop(store, relay.url));
  await relay.stop();
  return rows;
}

async function main(): Promise<void> {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  try {
    const rows = [
      ...(await measure('PostgreSQL + Redis', { DATABASE_URL: await postgres.newDatabase(), REDIS_URL: redis.url })),
      ...(await measure('PGlite', { SOTTO_DATA: folder })),
    ];
    print(rows);
    if (values.json !== undefined) {
      const machine = { cores: cpus().length, model: cpus()[0]?.model, node: process.version };
      writeFileSync(values.json, JSON.stringify({ machine, seconds, runs, rows }, null, 2));
    }
  } finally {
    await Promise.all([postgres.remove(), redis.remove()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(rows: Row[]): void {
  process.stdout.write(`${cpus().length} cores, Node ${process.version}; ${seconds} s a run, ${runs} runs\n\n`);
  process.stdout.write('| load | store | messages/s | p50 ms | p99 ms | all runs |\n|---|---|---|---|---|---|\n');
  for (const { what, store, perSecond, p50, p99, spread } of rows) {
    process.stdout.write(
      `| ${what} | ${store} | ${perSecond} | ${p50.toFixed(1)} | ${p99.toFixed(1)} | ${spread.join(', ')} |\n`,
    );
  }
}

await main();
