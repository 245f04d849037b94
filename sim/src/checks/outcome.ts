import { aciOf } from '@sotto/relay';
import { missingId } from '@sotto/sdk/testing';

import type { Device } from '../client/device.js';
import { APP } from '../relay/tokens.js';
import { checkReading } from './reading.js';
import type { Oracle, StoredMessage, Written } from './oracle.js';
import type { Side, Tolerance } from './side.js';
import { textOf, type MessageRow } from './text.js';

/** Numbers worth knowing of a world that has come to rest. */
export interface Outcome {
  readonly messages: number;
  readonly undecryptable: number;
  /** Envelopes that could not be read when they came, and were sent again. */
  readonly healed: number;
  readonly lost: number;
}

/**
 * What must hold when all is quiet: the same complete history on every device that should have it, in one order that keeps
 * everybody's own order and what each had seen; true statuses; nothing twice, nothing unreadable.
 *
 * A device should have what the relay stored while it was listed: the relay takes a message only for all devices of those days.
 *
 * @param devices those that still are devices of their users, and whose users still have them
 */
export async function checkOutcome(oracle: Oracle, devices: readonly Device[], tolerance: Tolerance): Promise<Outcome> {
  const all = await Promise.all(devices.map(async (device) => ({ device, rows: await inOrder(device) })));
  const envelopes = (await Promise.all(devices.map(unreadable))).flat();
  const open = envelopes.filter(({ healed }) => healed === 0);
  if (!tolerance.notices)
    for (const { on, cause, id } of open) oracle.report('undecryptable', `${on.name}: ${cause} ${id}`);
  for (const pair of conversations(devices.map(({ user }) => user))) {
    const members = all.filter(({ device }) => pair.includes(device.user));
    const sides = members.map(({ device, rows }) => ({ device, rows: rows.filter((row) => isOf(row, pair, oracle)) }));
    new ConversationCheck(oracle, pair, sides, tolerance).run();
    for (const user of pair)
      checkReading(
        oracle,
        sides.filter(({ device }) => device.user === user),
        tolerance,
      );
  }
  const healed = envelopes.length - open.length;
  return { messages: oracle.written.size, undecryptable: open.length, healed, lost: oracle.lost.size };
}

/** One conversation, on all devices that take part in it. */
class ConversationCheck {
  readonly #oracle: Oracle;
  readonly #pair: readonly string[];
  readonly #sides: readonly Side[];
  readonly #tolerance: Tolerance;

  constructor(oracle: Oracle, pair: readonly string[], sides: readonly Side[], tolerance: Tolerance) {
    this.#oracle = oracle;
    this.#pair = pair;
    this.#sides = sides;
    this.#tolerance = tolerance;
  }

  run(): void {
    const stored = this.#oracle.stored.filter(({ id }) =>
      this.#isHere(this.#oracle.written.get(this.#oracle.textOf(id))),
    );
    for (const side of this.#sides) {
      for (const row of side.rows) if (isOwn(side.device, row)) this.#checkSent(side.device, row);
      const texts = side.rows.flatMap((row) => textOf(row) ?? []);
      for (const [index, text] of texts.entries())
        if (texts.indexOf(text) !== index) this.#oracle.report('duplicate', `${side.device.name}: ${text}`);
      this.#checkComplete(side, stored);
      this.#checkWritten(side.device, texts);
      this.#checkOrder(side.device, this.#placedOnce(texts));
      if (!this.#tolerance.gaps) this.#checkGaps(side);
    }
    this.#checkSameOrder();
  }

  #isHere(written: Written | undefined): boolean {
    return written !== undefined && this.#pair.includes(written.from.user) && this.#pair.includes(written.to);
  }

  /** What this user wrote, here or on another of their devices. */
  #checkSent(device: Device, row: MessageRow): void {
    const text = textOf(row) ?? '';
    const written = this.#oracle.written.get(text);
    if (!written) {
      this.#oracle.report('never-written', `${device.name}: ${text}`);
      return;
    }
    if (row.status === 'pending' || row.status === 'failed')
      this.#oracle.report('not-sent', `${device.name}: ${text}: ${row.status} ${row.failure ?? ''}`);
    else if (this.#tolerance.lowStatuses || !this.#wasThere(device, row.id)) return;
    else if (row.status === 'sent' && this.#hasIt(written.to, row.id))
      this.#oracle.report('status-too-low', `${device.name}: ${text} is sent`);
    else if (row.status === 'delivered' && this.#readers(written.to, row.id).some((one) => this.#isStillThere(one)))
      this.#oracle.report('status-too-low', `${device.name}: ${text} is delivered, was read`);
  }

  /**
   * Whether the device was on the list when the message was stored. One that joined later has it if its author had to try again,
   * but not the receipts that were given before.
   */
  #wasThere({ address }: Device, id: string): boolean {
    return this.#oracle.stored.some(
      (one) => one.id === id && (one.author === address || one.listed.has(address ?? '')),
    );
  }

  /** Whether a device of this user has it. One that is gone may have gone before it could say so. */
  #hasIt(user: string, id: string): boolean {
    return this.#sides.some(({ device, rows }) => device.user === user && rows.some((row) => row.id === id));
  }

  /** Addresses of the devices on which it was marked read: with each mark goes a receipt. */
  #readers(user: string, id: string): string[] {
    return this.#oracle.marks.of(user, id).map(({ reader }) => reader);
  }

  #isStillThere(address: string | undefined): boolean {
    return address !== undefined && this.#sides.some(({ device }) => device.address === address);
  }

  #checkComplete({ device, rows }: Side, stored: readonly StoredMessage[]): void {
    let spare = this.#tolerance.notices ? rows.filter(({ body }) => body.kind === 'undecryptable').length : 0;
    for (const message of stored) {
      const { id, from, author, listed } = message;
      if (author === device.address || !listed.has(device.address ?? '')) continue;
      const user = aciOf(APP, from.user);
      const row = rows.find((here) => here.id === id && here.user === user);
      if (row) continue;
      if (this.#oracle.forgotten.has(`${device.name}/${id}`)) {
        this.#oracle.lost.add(`${device.name}/${id}`);
        continue;
      }
      if (this.#oracle.losses.has(`${device.name}/${id}`)) {
        // Nobody can know of what nothing came after, and nobody can heal what its author's device does not hold any more.
        const known = this.#isStillThere(author) && this.#cameAfter(rows, message);
        if (known) this.#oracle.report('gap-not-healed', `${device.name}: ${this.#oracle.textOf(id)}`);
        else this.#oracle.lost.add(`${device.name}/${id}`);
        continue;
      }
      // Its mailbox was full, and the author's device, which alone could try again, is gone, or was put back to before it.
      const isForgotten = this.#oracle.unwritten.has(`${from.name}/${this.#oracle.textOf(id)}`);
      if (!this.#oracle.wasStoredFor(device.address, id) && (isForgotten || !this.#isStillThere(author))) continue;
      if (spare-- > 0) continue;
      this.#oracle.report('missing', `${device.name}: ${this.#oracle.textOf(id)}`);
    }
  }

  /** Whether something that the same device wrote later stands here. */
  #cameAfter(rows: readonly MessageRow[], { hlc, author }: StoredMessage): boolean {
    return rows.some((row) => row.hlc > hlc && this.#oracle.authorOf(row.id) === author);
  }

  /** What `send()` has accepted is there, unless the history was put back to before that. */
  #checkWritten(device: Device, texts: readonly string[]): void {
    for (const written of this.#oracle.written.values()) {
      const { text, from, life, stored } = written;
      const expected = stored && from === device && life === device.wiped && this.#isHere(written);
      if (this.#oracle.unwritten.has(`${device.name}/${text}`)) continue;
      if (expected && !texts.includes(text)) this.#oracle.report('forgotten', `${device.name}: ${text}`);
    }
  }

  /** Who knows a message shows nothing when it comes again from another place: where it stands is not the same for all. */
  #placedOnce(texts: readonly string[]): string[] {
    return texts.filter((text) => !this.#oracle.placedAnew.has(text));
  }

  /** Everybody's own order, and nobody's answer above what it answers. */
  #checkOrder(device: Device, texts: readonly string[]): void {
    const place = new Map(texts.map((text, index) => [text, index]));
    const last = new Map<string, Written>();
    for (const text of texts) {
      const written = this.#oracle.written.get(text);
      if (!written) continue;
      const before = last.get(written.tab);
      if (before && before.turn > written.turn)
        this.#oracle.report('own-order', `${device.name}: ${before.text} above ${text}`);
      last.set(written.tab, written);
      for (const earlier of written.after)
        if ((place.get(earlier) ?? -1) > (place.get(text) ?? 0))
          this.#oracle.report('answer-above', `${device.name}: ${text} was written after ${earlier}`);
    }
  }

  /** What a device misses, though its author is there and could send it again. */
  #checkGaps({ device, rows }: Side): void {
    const notices = this.#sides.map(({ device: author }) => noticeOf(author));
    for (const { body, id } of rows)
      if (body.kind === 'missing' && notices.includes(id))
        this.#oracle.report('gap', `${device.name}: ${body.asked} asked for, ${body.lost.length} lost`);
  }

  #checkSameOrder(): void {
    for (const [index, one] of this.#sides.entries()) {
      const mine = this.#placedOnce(one.rows.flatMap((row) => textOf(row) ?? []));
      for (const other of this.#sides.slice(index + 1)) {
        const theirs = this.#placedOnce(other.rows.flatMap((row) => textOf(row) ?? []));
        const common = theirs.filter((text) => mine.includes(text));
        const expected = mine.filter((text) => theirs.includes(text));
        if (common.join() !== expected.join())
          this.#oracle.report('other-order', `${one.device.name} and ${other.device.name}`);
      }
    }
  }
}

/** What a notice is called that something of this device is missing. */
function noticeOf({ user, account }: Device): string | null {
  return account && missingId({ user: aciOf(APP, user), device: account.number, registration: account.registration });
}

async function inOrder(device: Device): Promise<MessageRow[]> {
  return device.history.tables.read(['messages'], (transaction) =>
    transaction.range('messages', { index: 'position' }),
  );
}

async function unreadable(device: Device) {
  const rows = await device.vault.tables.read(['undecryptable'], (transaction) => transaction.range('undecryptable'));
  return rows.map((row) => ({ on: device, ...row }));
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
  return row.user === aciOf(APP, device.user) && textOf(row) !== null;
}
