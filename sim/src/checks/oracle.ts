import { toBase64Url, type Submit, type Welcome } from '@sotto/protocol';
import { aciOf, type MailboxId } from '@sotto/relay';
import { THIS_DEVICE, type HistoryRows, type VaultRows } from '@sotto/sdk/testing';

import type { Device } from '../client/device.js';
import type { Change } from '../client/disk.js';
import type { Restored } from '../plan.js';
import { APP } from '../relay/tokens.js';
import { Marks } from './marks.js';
import { SealedOnce } from './sealed-once.js';
import { textOf, type MessageRow } from './text.js';

/** Something that must never happen. `rule` is stable: it names the check. */
export interface Violation {
  readonly rule: string;
  readonly detail: string;
}

type Cursor = Extract<VaultRows['meta'], { name: 'cursor' }>;

/** What a person wrote, as far as the person knows. */
export interface Written {
  readonly text: string;
  readonly from: Device;
  /** How often that device had been wiped by then. */
  readonly life: number;
  readonly to: string;
  readonly tab: string;
  /** Ascending in one tab. */
  readonly turn: number;
  /** What stood in the conversation, for good, when it was written. */
  readonly after: ReadonlySet<string>;
  /** `send()` has resolved: the message is on the device. */
  stored: boolean;
}

/** A message that the relay has stored for somebody. */
export interface StoredMessage {
  readonly id: string;
  readonly from: Device;
  /** Address of the device that wrote it. */
  readonly author: string;
  readonly hlc: number;
  /** Addresses of the devices that were on anybody's list at that moment. */
  readonly listed: ReadonlySet<string>;
}

/** Messages that a fault has taken for good, by recipient device: `device name/message id`. */
export type Losses = Set<string>;

/**
 * Sees every commit of every database at the moment at which it happens, and every ciphertext that leaves a device, and says
 * what must never be the case. A check at each commit is a check at each crash point.
 */
export class Oracle {
  readonly violations: Violation[] = [];
  readonly written = new Map<string, Written>();
  readonly marks = new Marks();
  /** Devices whose vault the relay has found to be an older one. */
  readonly noticed = new Set<Device>();
  readonly losses: Losses = new Set();
  /** What a history that was put back alone has lost: its vault counts it as received, so nobody can know. */
  readonly forgotten: Losses = new Set();
  /** What was written on a device whose history was put back to before it: `device name/text`. */
  readonly unwritten = new Set<string>();
  /** Addresses that were removed before the relay was put back to when they were not. */
  readonly #removedOnce = new Set<string>();
  /** Messages whose author tried them again, or whose vault was put back to before it had given them a place: they got another. */
  readonly placedAnew = new Set<string>();
  /** Of the losses, what is missing in the end. */
  readonly lost: Losses = new Set();
  /** Committed message rows by device and key. */
  readonly #rows = new Map<Device, Map<string, MessageRow>>();
  readonly #cursors = new Map<Device, { now: number; highest: number }>();
  readonly #devices = new Map<string, Device>();
  /** Addresses. */
  readonly #listed = new Set<string>();
  readonly #removed = new Set<string>();
  readonly #mailboxes = new Map<MailboxId, string>();
  /** Envelope id by mailbox and seq. */
  readonly #envelopes = new Map<MailboxId, Map<number, string>>();
  /** Mailboxes that have lost envelopes as the relay was put back: their places are given out again. */
  readonly #cutShort = new Set<MailboxId>();
  /** The chat message that an envelope carries. */
  readonly #messages = new Map<string, Omit<StoredMessage, 'listed'>>();
  readonly #stored = new Map<string, StoredMessage>();
  /** The last place that a message was given, by its id. */
  readonly #places = new Map<string, number>();
  /** What was stored for whom: `address/message id`. */
  readonly #storedFor = new Set<string>();
  /** What a person wrote, by message id. */
  readonly #texts = new Map<string, string>();
  /** Envelopes that a device has kept sealed as it could not read them: `device name/envelope id`. */
  readonly #unread = new Set<string>();
  /** Facts that stay true: `user/message id`. */
  readonly #had = new Set<string>();
  readonly #reachedRelay = new Set<string>();
  readonly #read = new Set<string>();
  readonly #sealedOnce = new SealedOnce((rule, detail) => this.report(rule, detail));
  /** Devices whose history was put back. */
  readonly #forgetful = new Set<Device>();

  report(rule: string, detail: string): void {
    if (this.violations.length < 20) this.violations.push({ rule, detail });
  }

  rowsOf(device: Device): readonly MessageRow[] {
    return [...(this.#rows.get(device)?.values() ?? [])];
  }

  /** What the relay has stored, in its order. */
  get stored(): readonly StoredMessage[] {
    return [...this.#stored.values()];
  }

  /** Whether it ever lay in the mailbox of that device. */
  wasStoredFor(address: string | null, message: string): boolean {
    return this.#storedFor.has(`${address}/${message}`);
  }

  textOf(message: string): string {
    return this.#texts.get(message) ?? '';
  }

  authorOf(message: string): string | undefined {
    return this.#stored.get(message)?.author;
  }

  isListed({ address }: Device): boolean {
    return address !== null && this.#listed.has(address);
  }

  /** Devices that were taken off a list, and are on it again as the relay was put back. */
  get backOnLists(): string[] {
    return [...this.#removedOnce].filter((address) => this.#listed.has(address));
  }

  isRemoved(address: string): boolean {
    return this.#removed.has(address);
  }

  committed(device: Device, database: 'history' | 'vault', changes: readonly Change[]): void {
    for (const { table, row, key } of changes) {
      if (database === 'history' && table === 'messages') this.#messageChanged(device, row as MessageRow, key);
      if (database === 'history' && table === 'outbox' && row)
        this.marks.outboxChanged(device, row as HistoryRows['outbox'], this.#listed);
      if (database !== 'vault') continue;
      if (table === 'meta' && row) this.#metaChanged(device, row as VaultRows['meta']);
      // Wiped: what follows is another device's.
      if (table === 'meta' && !row && key?.[0] === 'cursor') this.#cursors.delete(device);
      if (table === 'sealedMessages' && row) this.#sealedChanged(device, row as VaultRows['sealedMessages']);
      if (table === 'undecryptable' && row)
        this.#unread.add(`${device.name}/${(row as VaultRows['undecryptable']).id.split('.').at(-1) ?? ''}`);
    }
    // Only now: one transaction commits the cursor and what could not be read.
    for (const { table, row } of database === 'vault' ? changes : [])
      if (table === 'meta' && row) this.#cursorChanged(device, row as VaultRows['meta']);
  }

  registered(mailbox: MailboxId, address: string): void {
    this.#mailboxes.set(mailbox, address);
  }

  listed(mailboxes: readonly MailboxId[]): void {
    for (const mailbox of mailboxes) this.#listed.add(this.#mailboxes.get(mailbox) ?? '');
  }

  removed(mailboxes: readonly MailboxId[]): void {
    for (const mailbox of mailboxes) {
      const address = this.#mailboxes.get(mailbox) ?? '';
      this.#listed.delete(address);
      this.#removed.add(address);
    }
  }

  envelopeStored(mailbox: MailboxId, seq: number, envelope: Uint8Array): void {
    const id = toBase64Url(envelope);
    const box = this.#envelopes.get(mailbox) ?? new Map<number, string>();
    this.#envelopes.set(mailbox, box.set(seq, id));
    const address = this.#mailboxes.get(mailbox) ?? '';
    this.marks.stored(id, address);
    const message = this.#messages.get(id);
    if (!message) return;
    const [user] = address.split('.');
    this.#storedFor.add(`${address}/${message.id}`);
    if (user !== aciOf(APP, message.from.user)) this.#reachedRelay.add(message.id);
    if (!this.#stored.has(message.id)) this.#stored.set(message.id, { ...message, listed: new Set(this.#listed) });
  }

  acked(mailbox: MailboxId, seq: number): void {
    const device = this.#ownerOf(mailbox);
    const cursor = device && this.#cursors.get(device);
    if (device && seq > (cursor?.highest ?? 0))
      this.report('acknowledged-before-commit', `${device.name}: relay holds ack ${seq}, vault ${cursor?.now ?? 0}`);
  }

  welcomed(device: Device, { verdict, sealings }: Pick<Welcome, 'verdict' | 'sealings'>): void {
    if (verdict === 'vault-behind') this.noticed.add(device);
    this.#sealedOnce.welcomed(device, { sealings });
  }

  /** Every submit that leaves a device. */
  submitted(device: Device, submit: Submit): void {
    this.#sealedOnce.submitted(device, submit);
  }

  /** The relay was put back to an older state: what it had not delivered is lost. */
  relayRolledBack(heads: ReadonlyMap<MailboxId, number>): void {
    for (const [mailbox, box] of this.#envelopes) {
      const device = this.#ownerOf(mailbox);
      for (const [seq, envelope] of box) {
        if (seq <= (heads.get(mailbox) ?? 0)) continue;
        box.delete(seq);
        this.#cutShort.add(mailbox);
        const message = this.#messages.get(envelope);
        this.marks.lost(envelope, this.#mailboxes.get(mailbox) ?? '');
        if (device && message) this.losses.add(`${device.name}/${message.id}`);
      }
    }
  }

  /** What the relay knows of devices now that it was put back; all others it has never heard of. */
  directoryPutBack(devices: readonly { readonly mailbox: MailboxId; readonly listed: boolean }[]): void {
    const living = devices.map(({ mailbox, listed }) => ({ address: this.#mailboxes.get(mailbox) ?? '', listed }));
    this.#listed.clear();
    for (const { address, listed } of living) {
      if (listed) this.#listed.add(address);
      if (this.#removed.delete(address)) this.#removedOnce.add(address);
    }
  }

  /** The device gives up what it was, and holds nothing now. */
  discarded(device: Device): void {
    this.#rows.delete(device);
    this.#cursors.delete(device);
  }

  addressOf(mailbox: MailboxId): string | undefined {
    return this.#mailboxes.get(mailbox);
  }

  /** The mailbox of a device that the relay has listed. */
  mailboxOf({ address }: Device): MailboxId | undefined {
    return [...this.#mailboxes].findLast(([, known]) => known === address)?.[0];
  }

  /** The device's databases are others now. */
  async reload(device: Device, what: Restored): Promise<void> {
    const { history, vault } = await device.profile();
    const rows = new Map<string, MessageRow>();
    for (const row of (history.get('messages') ?? []) as MessageRow[]) rows.set(keyOf(row), row);
    if (what !== 'vault') this.#historyPutBack(device, rows, what === 'history');
    this.#rows.set(device, rows);
    if (what === 'history') return;
    this.#sealedOnce.restored(
      device,
      (vault.get('sealedMessages') ?? []) as VaultRows['sealedMessages'][],
      (vault.get('sealedPayloads') ?? []) as VaultRows['sealedPayloads'][],
    );
    const cursor = ((vault.get('meta') ?? []) as VaultRows['meta'][]).find((row) => row.name === 'cursor');
    const highest = this.#cursors.get(device)?.highest ?? 0;
    this.#cursors.set(device, { now: cursor?.name === 'cursor' ? cursor.seq : 0, highest });
  }

  /** What the device had and has no more. With the vault goes the knowledge of having received it: it can be asked for again. */
  #historyPutBack(device: Device, rows: ReadonlyMap<string, MessageRow>, alone: boolean): void {
    this.#forgetful.add(device);
    for (const [key, row] of this.#rows.get(device) ?? []) {
      if (rows.has(key)) continue;
      (alone ? this.forgotten : this.losses).add(`${device.name}/${row.id}`);
      if (row.device === THIS_DEVICE) this.unwritten.add(`${device.name}/${textOf(row)}`);
    }
    const read = new Set([...rows.values()].filter(({ unread }) => unread === 0).map(({ id }) => id));
    this.marks.putBack(device, read, alone);
  }

  #ownerOf(mailbox: MailboxId): Device | undefined {
    const address = this.#mailboxes.get(mailbox) ?? '';
    const device = this.#devices.get(address);
    // A device that was wiped has nothing to do with what it was before.
    return device?.address === address ? device : undefined;
  }

  #messageChanged(device: Device, row: MessageRow | undefined, key: readonly unknown[] | undefined): void {
    const rows = this.#rows.get(device) ?? new Map<string, MessageRow>();
    this.#rows.set(device, rows);
    if (!row) {
      rows.delete((key ?? []).join('/'));
      return;
    }
    rows.set(keyOf(row), row);
    if (textOf(row) === null) return;
    const mine = aciOf(APP, device.user) === row.user;
    if (!mine) {
      this.#had.add(`${device.user}/${row.id}`);
      if (row.unread === 0) this.#read.add(`${device.user}/${row.id}`);
    } else {
      if (row.device === THIS_DEVICE) this.#texts.set(row.id, textOf(row) ?? '');
      this.#checkStatus(device, row);
    }
  }

  /** A status is a claim about somebody else: it must be true when it is made. */
  #checkStatus(device: Device, row: MessageRow): void {
    const name = textOf(row) ?? '';
    const to = this.written.get(name)?.to;
    if (to === undefined) return;
    const { status } = row;
    if (status === null || status === 'pending' || status === 'failed') return;
    const wrong = (fact: string): void => this.report('false-status', `${device.name}: ${name} is ${status}, ${fact}`);
    const there = this.#had.has(`${to}/${row.id}`);
    // A copy says that the message has left its author's device: whether the mailboxes of the recipient were full, only that
    // device knows.
    if (status === 'sent' && row.device !== THIS_DEVICE && this.#stored.has(row.id)) return;
    // What was asked for again may arrive before the envelope that it was missing from.
    if (!there && !this.#reachedRelay.has(row.id)) wrong('not at the relay');
    if (status === 'sent') return;
    if (!there) wrong(`${to} has it not`);
    if (status === 'read' && !this.#read.has(`${to}/${row.id}`)) wrong(`${to} has not read it`);
  }

  #sealedChanged(device: Device, row: VaultRows['sealedMessages']): void {
    const { id, envelopeId, covers, hlc } = row;
    this.marks.sealed(device, row);
    if (!covers.includes(`message:${id}`)) return;
    const before = this.#places.get(id);
    this.#places.set(id, hlc);
    if (before !== undefined && before !== hlc) this.#movedTo(device, id, before, hlc);
    this.#messages.set(toBase64Url(envelopeId), { id, from: device, author: device.address ?? '', hlc });
  }

  /** A place is given once, and only a copy of vault or history from before that knows nothing of it. */
  #movedTo(device: Device, id: string, before: number, now: number): void {
    if (this.#sealedOnce.wasRestored(device) || this.#forgetful.has(device)) this.placedAnew.add(this.textOf(id));
    else this.report('placed-twice', `${device.name}: ${this.textOf(id)} at ${before} and ${now}`);
  }

  #metaChanged(device: Device, row: VaultRows['meta']): void {
    if (row.name === 'identity' && device.address) this.#devices.set(device.address, device);
  }

  #cursorChanged(device: Device, row: VaultRows['meta']): void {
    if (row.name !== 'cursor') return;
    const before = this.#cursors.get(device) ?? { now: 0, highest: 0 };
    this.#cursors.set(device, { now: row.seq, highest: Math.max(before.highest, row.seq) });
    if (row.seq > before.now) this.#checkStored(device, before.now, row);
  }

  /** What the vault's cursor covers is in history: the one is never ahead of the other. */
  #checkStored(device: Device, after: number, { seq: upto, id: last }: Cursor): void {
    const rows = this.#rows.get(device) ?? new Map<string, MessageRow>();
    for (const [mailbox, box] of this.#envelopes) {
      if (this.#ownerOf(mailbox) !== device) continue;
      // Delivered before the relay was put back, to a device that stood still meanwhile: others have its place now.
      if (this.#cutShort.has(mailbox) && last && box.get(upto) !== toBase64Url(last)) continue;
      for (let seq = after + 1; seq <= upto; seq++) {
        const envelope = box.get(seq);
        const message = envelope && this.#messages.get(envelope);
        if (!message) continue;
        const there = [...rows.values()].some(({ id }) => id === message.id || id === envelope);
        // An own device's copy that cannot be read names no conversation to show a notice in: the vault keeps it.
        const kept = message.from.user === device.user && this.#unread.has(`${device.name}/${envelope}`);
        // What a history that was put back has forgotten, the relay's cursor covers.
        const isForgotten = [message.id, envelope].some((id) => this.losses.has(`${device.name}/${id}`));
        if (!there && !kept && !isForgotten)
          this.report('cursor-ahead-of-history', `${device.name}: seq ${seq} is not in history`);
      }
    }
  }
}

function keyOf({ conversation, user, id, device }: MessageRow): string {
  return [conversation, user, id, device].join('/');
}
