import { toBase64Url } from '@sotto/protocol';
import { PASSED_ON, type HistoryRows, type VaultRows } from '@sotto/sdk/testing';

import type { Device } from '../client/device.js';

type OutboxRow = HistoryRows['outbox'];

/** A person has read messages on a device: what it tells its user's other devices of that, and how far this has got. */
export interface Mark {
  readonly user: string;
  /** Address of the device on which they were read. */
  readonly reader: string;
  /** The messages. */
  readonly ids: readonly string[];
  /** Addresses of the devices that were on anybody's list at that moment. */
  readonly listed: ReadonlySet<string>;
  /** The place at which it was sealed; null: it was not. */
  hlc: number | null;
  /** Addresses of the devices in whose mailboxes it has lain. */
  readonly storedFor: Set<string>;
  /** Of these, who forgot it, or never got it, as something was put back. */
  readonly lostFor: Set<string>;
  /** Of these, who cannot know that it came. */
  readonly forgottenBy: Set<string>;
  /** The reader's history was put back to before it: what had not left then never does. */
  isForgotten: boolean;
}

/** Every read mark of a world, from the transaction in which the messages were marked read. */
export class Marks {
  readonly #all: Mark[] = [];
  /** The last one of that name, by the reader's address and the outbox row. */
  readonly #made = new Map<string, Mark>();
  /** By envelope id. */
  readonly #sealed = new Map<string, Mark>();

  /** The marks of this user that name the message. */
  of(user: string, message: string): Mark[] {
    return this.#all.filter((mark) => mark.user === user && mark.ids.includes(message));
  }

  outboxChanged(device: Device, row: OutboxRow, listed: ReadonlySet<string>): void {
    if (row.kind !== 'read-mark' || row.only !== null || device.address === null) return;
    // Passed on to a device that is new: it was read before, perhaps elsewhere, and no receipt goes with it.
    if (row.id.startsWith(`${row.kind}:${PASSED_ON}`)) return;
    const key = `${device.address}/${row.id}`;
    const { ids } = row.body as { ids: readonly string[] };
    // Written again, it is the same one.
    if (this.#made.get(key)?.ids.join() === ids.join()) return;
    const mark: Mark = {
      user: device.user,
      reader: device.address,
      ids,
      listed: new Set(listed),
      hlc: null,
      storedFor: new Set(),
      lostFor: new Set(),
      forgottenBy: new Set(),
      isForgotten: false,
    };
    this.#made.set(key, mark);
    this.#all.push(mark);
  }

  sealed(device: Device, { covers, envelopeId, hlc }: VaultRows['sealedMessages']): void {
    for (const id of covers) {
      const mark = this.#made.get(`${device.address}/${id}`);
      if (!mark) continue;
      mark.hlc = hlc;
      this.#sealed.set(toBase64Url(envelopeId), mark);
    }
  }

  stored(envelope: string, address: string): void {
    this.#sealed.get(envelope)?.storedFor.add(address);
  }

  /** The relay was put back to before it had that envelope. */
  lost(envelope: string, address: string): void {
    this.#sealed.get(envelope)?.lostFor.add(address);
  }

  /**
   * The device's history was put back.
   *
   * @param read what is read in it now
   * @param alone without its vault, which counts every mark as received that came
   */
  putBack({ user, address }: Device, read: ReadonlySet<string>, alone: boolean): void {
    if (address === null) return;
    for (const mark of this.#all) {
      if (mark.user !== user || mark.ids.every((id) => read.has(id))) continue;
      mark.lostFor.add(address);
      if (alone) mark.forgottenBy.add(address);
      if (mark.reader === address) mark.isForgotten = true;
    }
  }
}
