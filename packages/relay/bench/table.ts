import type { Row } from './context.js';

const HEAD = [
  'what',
  'system',
  'median',
  'unit',
  'runs',
  'p50 ms',
  'p99 ms',
  'CPU us per message',
  'other load',
  'note',
];
let printed = false;

/** Markdown, one figure after another. */
export function print(rows: readonly Row[]): void {
  if (!printed) line(HEAD);
  if (!printed) line(HEAD.map(() => '---'));
  printed = true;
  for (const row of rows) {
    line([
      row.what,
      row.system,
      String(row.value),
      row.unit,
      row.runs.join(', '),
      row.p50?.toFixed(1) ?? '',
      row.p99?.toFixed(1) ?? '',
      Object.entries(row.cpu ?? {})
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
      row.others === undefined ? '' : `${row.others} cores${row.stolen ? `, ${row.stolen} stolen` : ''}`,
      row.note ?? '',
    ]);
  }
}

function line(cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}
