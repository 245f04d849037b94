import { closeSync, fdatasyncSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { percentile, type Row } from './context.js';

/** What PostgreSQL writes at least, into a log file that has its size already. */
const PAGE = Buffer.alloc(8192, 0x5a);
const LOG_PAGES = 2048;
const SECONDS = 1;

/**
 * What the machine itself takes at this rate, with nothing else running: to write a page and bring it to the disk that
 * PostgreSQL is on, and to wake a process that sleeps. No system on it can do better.
 */
export function floor(figure: string, perSecond: number): Row {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-floor-'));
  const file = openSync(join(folder, 'log'), 'w');
  try {
    for (let page = 0; page < LOG_PAGES; page++) writeSync(file, PAGE);
    fsyncSync(file);
    const { flushes, late } = measure(file, perSecond);
    return {
      figure,
      what: `floor of the machine: a page to the disk, ${perSecond}/s`,
      system: 'bare loop',
      value: Math.round(flushes.length / SECONDS),
      unit: 'flushes/s',
      runs: [],
      p50: percentile(flushes, 0.5),
      p99: percentile(flushes, 0.99),
      note: `woken late by p50 ${percentile(late, 0.5)}, p99 ${percentile(late, 0.99)} ms`,
    };
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

/** Milliseconds of each flush, and by how much each sleep was too long. */
function measure(file: number, perSecond: number): { flushes: number[]; late: number[] } {
  const flushes: number[] = [];
  const late: number[] = [];
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const started = performance.now();
  for (let count = 0; count < perSecond * SECONDS; count++) {
    const due = started + (count / perSecond) * 1e3;
    const wait = due - performance.now();
    if (wait > 0) {
      Atomics.wait(cell, 0, 0, wait);
      late.push(performance.now() - due);
    }
    const begun = performance.now();
    writeSync(file, PAGE, 0, PAGE.length, (count % LOG_PAGES) * PAGE.length);
    fdatasyncSync(file);
    flushes.push(performance.now() - begun);
  }
  return { flushes, late };
}
