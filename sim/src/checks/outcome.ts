import { aciOf } from '@sotto/relay';
import { THIS_DEVICE } from '@sotto/sdk/testing';

import type { Device } from '../client/device.js';
import { APP } from '../relay/tokens.js';
import type { Oracle, Written } from './oracle.js';
import { textOf, type MessageRow } from './text.js';

/** Numbers worth knowing of a world that has come to rest. */
export interface Outcome {
  readonly messages: number;
  readonly undecryptable: number;
  readonly lost: number;
}

interface Tolerance {
  /** Something was rolled back: what could not be read shows as a notice, and may stand for a message. */
  readonly notices: boolean;
  /** Receipts are sent once: what is rolled back with them may show less than is true, never more. */
  readonly lowStatuses: boolean;
}

/**
 * What must hold when all is quiet: the same complete history on every device, in one order that keeps everybody's own order
 * and what each had seen; true statuses; nothing twice, nothing unreadable.
 */
export async function checkOutcome(oracle: Oracle, devices: readonly Device[], tolerance: Tolerance): Promise<Outcome> {
  const all = await Promise.all(devices.map(async (device) => ({ device, rows: await inOrder(device) })));
  const undecryptable = all.flatMap(({ rows }) => rows.filter(({ body }) => body.kind === 'undecryptable'));
  if (!tolerance.notices)
    for (const { body, id } of undecryptable)
      oracle.report('undecryptable', `${body.kind === 'undecryptable' ? body.cause : ''} ${id}`);
  for (const pair of conversations(all.map(({ device }) => device.user))) {
    const members = all.filter(({ device }) => pair.includes(device.user));
    checkConversation(
      oracle,
      members.map(({ device, rows }) => ({ device, rows: rows.filter((row) => isOf(row, pair, oracle)) })),
      tolerance,
    );
  }
  return { messages: oracle.written.size, undecryptable: undecryptable.length, lost: oracle.lost.size };
}

interface Side {
  readonly device: Device;
  readonly rows: readonly MessageRow[];
}

function checkConversation(oracle: Oracle, sides: readonly Side[], tolerance: Tolerance): void {
  const sent = sides.flatMap(({ device, rows }) =>
    rows.filter((row) => isOwn(device, row)).map((row) => ({ device, row })),
  );
  for (const { device, row } of sent) checkSent(oracle, device, row, tolerance);
  for (const { device, rows } of sides) {
    const texts = rows.flatMap((row) => textOf(row) ?? []);
    for (const [index, text] of texts.entries())
      if (texts.indexOf(text) !== index) oracle.report('duplicate', `${device.name}: ${text}`);
    checkComplete(
      oracle,
      device,
      rows,
      sent.map(({ row }) => row),
      tolerance,
    );
    checkWritten(oracle, device, texts);
    checkOrder(oracle, device, texts);
  }
  checkSameOrder(oracle, sides);
}

function checkSent(oracle: Oracle, device: Device, row: MessageRow, { lowStatuses }: Tolerance): void {
  const text = textOf(row) ?? '';
  const written = oracle.written.get(text);
  if (!written) {
    oracle.report('never-written', `${device.name}: ${text}`);
    return;
  }
  if (row.status === 'pending' || row.status === 'failed')
    oracle.report('not-sent', `${text}: ${row.status} ${row.failure ?? ''}`);
  else if (lowStatuses) return;
  else if (row.status === 'sent') oracle.report('status-too-low', `${text} is sent`);
  else if (row.status === 'delivered' && oracle.wasRead(written.to, row.id))
    oracle.report('status-too-low', `${text} is delivered, was read`);
}

/** Everything that stands on its author's device stands here. */
function checkComplete(
  oracle: Oracle,
  device: Device,
  rows: readonly MessageRow[],
  sent: readonly MessageRow[],
  { notices }: Tolerance,
): void {
  let spare = notices ? rows.filter(({ body }) => body.kind === 'undecryptable').length : 0;
  for (const row of sent) {
    if (row.status === 'failed' || rows.some((here) => here.id === row.id && here.user === row.user)) continue;
    if (oracle.losses.has(`${device.name}/${row.id}`)) {
      // Nobody can know of what nothing came after.
      const later = rows.some(({ user, hlc }) => user === row.user && hlc > row.hlc);
      if (later) oracle.report('gap-not-healed', `${device.name}: ${textOf(row) ?? ''}`);
      else oracle.lost.add(`${device.name}/${row.id}`);
      continue;
    }
    if (spare-- > 0) continue;
    oracle.report('missing', `${device.name}: ${textOf(row) ?? ''} (${row.status})`);
  }
}

/** What `send()` has accepted is there. */
function checkWritten(oracle: Oracle, device: Device, texts: readonly string[]): void {
  for (const { text, from, stored } of oracle.written.values())
    if (stored && from === device && inThis(texts, text, device, oracle) && !texts.includes(text))
      oracle.report('forgotten', `${device.name}: ${text}`);
}

const inThis = (texts: readonly string[], text: string, device: Device, oracle: Oracle): boolean => {
  const to = oracle.written.get(text)?.to;
  return texts.some((other) => {
    const known = oracle.written.get(other);
    return known?.to === to && known?.from === device;
  });
};

/** Everybody's own order, and nobody's answer above what it answers. */
function checkOrder(oracle: Oracle, device: Device, texts: readonly string[]): void {
  const place = new Map(texts.map((text, index) => [text, index]));
  const last = new Map<string, Written>();
  for (const text of texts) {
    const written = oracle.written.get(text);
    if (!written) continue;
    const before = last.get(written.tab);
    if (before && before.turn > written.turn)
      oracle.report('own-order', `${device.name}: ${before.text} above ${text}`);
    last.set(written.tab, written);
    for (const earlier of written.after)
      if ((place.get(earlier) ?? -1) > (place.get(text) ?? 0))
        oracle.report('answer-above', `${device.name}: ${text} was written after ${earlier}`);
  }
}

function checkSameOrder(oracle: Oracle, [first, ...others]: readonly Side[]): void {
  if (!first) return;
  const reference = first.rows.flatMap((row) => textOf(row) ?? []);
  for (const { device, rows } of others) {
    const texts = rows.flatMap((row) => textOf(row) ?? []);
    const common = texts.filter((text) => reference.includes(text));
    const expected = reference.filter((text) => texts.includes(text));
    if (common.join() !== expected.join()) oracle.report('other-order', `${first.device.name} and ${device.name}`);
  }
}

async function inOrder(device: Device): Promise<MessageRow[]> {
  return device.history.tables.read(['messages'], (transaction) =>
    transaction.range('messages', { index: 'position' }),
  );
}

function conversations(users: readonly string[]): [string, string][] {
  const names = [...new Set(users)].sort();
  return names.flatMap((a, i) => names.slice(i + 1).map((b): [string, string] => [a, b]));
}

/** Rows name their conversation by a hash; what was written names its people. */
function isOf(row: MessageRow, pair: readonly string[], oracle: Oracle): boolean {
  const text = textOf(row);
  const written = text === null ? undefined : oracle.written.get(text);
  if (written) return pair.includes(written.from.user) && pair.includes(written.to);
  return pair.some((user) => aciOf(APP, user) === row.user);
}

function isOwn(device: Device, row: MessageRow): boolean {
  return row.device === THIS_DEVICE && row.user === aciOf(APP, device.user) && textOf(row) !== null;
}
