import { createHash } from 'node:crypto';

import { toBase64Url, type CursorVerdict, type Submit } from '@sotto/protocol';
import { aciOf, type MailboxId } from '@sotto/relay';
import type { VaultRows } from '@sotto/sdk/testing';

import type { Device } from '../client/device.js';
import type { Change } from '../client/disk.js';
import { APP } from '../relay/tokens.js';
import { textOf, type MessageRow } from './text.js';
import { keyUseOf } from './whisper.js';

/** Something that must never happen. `rule` is stable: it names the check. */
export interface Violation {
  readonly rule: string;
  readonly detail: string;
}

/** What a person wrote, as far as the person knows. */
export interface Written {
  readonly text: string;
  readonly from: Device;
  readonly to: string;
  readonly tab: string;
  /** Ascending in one tab. */
  readonly turn: number;
  /** What stood in the conversation, for good, when it was written. */
  readonly after: ReadonlySet<string>;
  /** `send()` has resolved: the message is on the device. */
  stored: boolean;
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
  /** Devices whose vault the relay has found to be an older one. */
  readonly noticed = new Set<Device>();
  readonly losses: Losses = new Set();
  /** Of these, what is missing in the end. */
  readonly lost: Losses = new Set();
  /** Committed message rows by device and key. */
  readonly #rows = new Map<Device, Map<string, MessageRow>>();
  readonly #cursors = new Map<Device, { now: number; highest: number }>();
  readonly #devices = new Map<string, Device>();
  readonly #mailboxes = new Map<MailboxId, string>();
  /** Envelope id by mailbox and seq. */
  readonly #envelopes = new Map<MailboxId, Map<number, string>>();
  /** The chat message that an envelope carries. */
  readonly #messages = new Map<string, { id: string; from: Device }>();
  /** Facts that stay true: `user/message id`. */
  readonly #had = new Set<string>();
  readonly #read = new Set<string>();
  readonly #reachedRelay = new Set<string>();
  readonly #keys = new Map<string, string>();
  readonly #sealed = new Map<string, string>();

  report(rule: string, detail: string): void {
    if (this.violations.length < 20) this.violations.push({ rule, detail });
  }

  rowsOf(device: Device): readonly MessageRow[] {
    return [...(this.#rows.get(device)?.values() ?? [])];
  }

  /** Whether anybody on a device of `user` has seen the message as read. */
  wasRead(user: string, message: string): boolean {
    return this.#read.has(`${user}/${message}`);
  }

  committed(device: Device, database: 'history' | 'vault', changes: readonly Change[]): void {
    for (const { table, row, key } of changes) {
      if (database === 'history' && table === 'messages') this.#messageChanged(device, row as MessageRow, key);
      if (database === 'vault' && table === 'meta' && row) this.#metaChanged(device, row as VaultRows['meta']);
      if (database === 'vault' && table === 'sealedMessages' && row) {
        const sealed = row as VaultRows['sealedMessages'];
        if (sealed.covers.some((id) => id === `message:${sealed.id}`))
          this.#messages.set(toBase64Url(sealed.envelopeId), { id: sealed.id, from: device });
      }
    }
  }

  registered(mailbox: MailboxId, address: string): void {
    this.#mailboxes.set(mailbox, address);
  }

  stored(mailbox: MailboxId, seq: number, envelope: Uint8Array): void {
    const id = toBase64Url(envelope);
    const box = this.#envelopes.get(mailbox) ?? new Map<number, string>();
    this.#envelopes.set(mailbox, box.set(seq, id));
    const message = this.#messages.get(id);
    const owner = this.#ownerOf(mailbox);
    if (message && owner?.user !== message.from.user) this.#reachedRelay.add(message.id);
  }

  acked(mailbox: MailboxId, seq: number): void {
    const device = this.#ownerOf(mailbox);
    const cursor = device && this.#cursors.get(device);
    if (device && seq > (cursor?.highest ?? 0))
      this.report('acknowledged-before-commit', `${device.name}: relay holds ack ${seq}, vault ${cursor?.now ?? 0}`);
  }

  welcomed(device: Device, verdict: CursorVerdict): void {
    if (verdict === 'vault-behind') this.noticed.add(device);
  }

  /** Every submit that leaves a device. */
  submitted(device: Device, submit: Submit): void {
    const envelope = toBase64Url(submit.id);
    for (const { user, devices } of submit.recipients) {
      for (const { device: number, registration, payload: index } of devices) {
        const payload = submit.payloads[index];
        if (!payload) continue;
        const to = `${device.name}>${user}.${number}.${registration}`;
        const bytes = createHash('sha256').update(payload).digest('hex');
        this.#once(this.#sealed, `${to}/${envelope}`, bytes, 'retry-with-other-bytes');
        const use = keyUseOf(payload);
        if (use) this.#once(this.#keys, `${to}/${use.ratchetKey}/${use.counter}`, bytes, 'message-key-used-twice');
      }
    }
  }

  /** The relay was put back to an older state: what it had not delivered is lost. */
  relayRolledBack(heads: ReadonlyMap<MailboxId, number>): void {
    for (const [mailbox, box] of this.#envelopes) {
      const device = this.#ownerOf(mailbox);
      for (const [seq, envelope] of box) {
        if (seq <= (heads.get(mailbox) ?? 0)) continue;
        box.delete(seq);
        const message = this.#messages.get(envelope);
        if (device && message) this.losses.add(`${device.name}/${message.id}`);
      }
    }
  }

  /** The device's databases are others now. */
  async reload(device: Device): Promise<void> {
    const { history, vault } = await device.profile();
    const rows = new Map<string, MessageRow>();
    for (const row of (history.get('messages') ?? []) as MessageRow[]) rows.set(keyOf(row), row);
    this.#rows.set(device, rows);
    const cursor = ((vault.get('meta') ?? []) as VaultRows['meta'][]).find((row) => row.name === 'cursor');
    const highest = this.#cursors.get(device)?.highest ?? 0;
    this.#cursors.set(device, { now: cursor?.name === 'cursor' ? cursor.seq : 0, highest });
  }

  #once(seen: Map<string, string>, key: string, bytes: string, rule: string): void {
    const before = seen.get(key);
    if (before === undefined) seen.set(key, bytes);
    else if (before !== bytes) this.report(rule, key);
  }

  #ownerOf(mailbox: MailboxId): Device | undefined {
    return this.#devices.get(this.#mailboxes.get(mailbox) ?? '');
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
    } else this.#checkStatus(device, row);
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
    // What was asked for again may arrive before the envelope that it was missing from.
    if (!there && !this.#reachedRelay.has(row.id)) wrong('not at the relay');
    if (status === 'sent') return;
    if (!there) wrong(`${to} has it not`);
    if (status === 'read' && !this.#read.has(`${to}/${row.id}`)) wrong(`${to} has not read it`);
  }

  #metaChanged(device: Device, row: VaultRows['meta']): void {
    if (row.name === 'identity' && row.stage !== 'new')
      this.#devices.set(`${aciOf(APP, device.user)}.${row.device}.${row.registration}`, device);
    if (row.name !== 'cursor') return;
    const before = this.#cursors.get(device) ?? { now: 0, highest: 0 };
    this.#cursors.set(device, { now: row.seq, highest: Math.max(before.highest, row.seq) });
    if (row.seq > before.now) this.#checkStored(device, before.now, row.seq);
  }

  /** What the vault's cursor covers is in history: the one is never ahead of the other. */
  #checkStored(device: Device, after: number, upto: number): void {
    const rows = this.#rows.get(device) ?? new Map<string, MessageRow>();
    for (const [mailbox, box] of this.#envelopes) {
      if (this.#ownerOf(mailbox) !== device) continue;
      for (let seq = after + 1; seq <= upto; seq++) {
        const envelope = box.get(seq);
        const message = envelope && this.#messages.get(envelope);
        if (!message) continue;
        const there = [...rows.values()].some(({ id }) => id === message.id || id === envelope);
        if (!there) this.report('cursor-ahead-of-history', `${device.name}: seq ${seq} is not in history`);
      }
    }
  }
}

function keyOf({ conversation, user, id, device }: MessageRow): string {
  return [conversation, user, id, device].join('/');
}
