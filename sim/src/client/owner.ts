import { makeBundle, takeBundle } from '@sotto/sdk/testing';

import type { Random } from '../core/random.js';
import type { Scheduler } from '../core/scheduler.js';
import type { Device } from './device.js';
import type { Tab } from './tab.js';

/** What the relay knows of devices. */
export interface Register {
  isListed(device: Device): boolean;
  /** Taken off the list, or dropped by the relay. */
  isRemoved(address: string): boolean;
}

export interface OwnerParts {
  readonly user: string;
  readonly devices: readonly Device[];
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly register: Register;
  /** What was done with a device, for counting. */
  readonly did: (what: string) => void;
  /** It holds nothing any more. */
  readonly discarded: (device: Device) => void;
}

/** Something that a person wants done with a device. */
interface Chore {
  readonly what: string;
  /** What needs the device itself ends with it. */
  readonly device: Device;
  isDone(): boolean;
  attempt(): Promise<void> | void;
}

/** How long a person waits before trying again: the first time, and at most. */
const AGAIN_MS = 2_000;
const AGAIN_AT_MOST_MS = 60_000;

/** One person and their devices. What they want done with one is tried again until it is: networks fail, tabs die. */
export class Owner {
  readonly #parts: OwnerParts;
  readonly #chores = new Set<Chore>();

  constructor(parts: OwnerParts) {
    this.#parts = parts;
  }

  /** What is still to be done. */
  get open(): string[] {
    return [...this.#chores].map(({ what }) => what);
  }

  /** Opens it, and makes it a device of this person, if it is none by itself. */
  use(device: Device, tabs: number): void {
    const { scheduler, random } = this.#parts;
    device.isUsed = true;
    for (let i = 0; i < tabs; i++)
      scheduler.after(random.between(0, 1_000), `${device.name} opens a tab`, () => {
        if (device.isUsed) device.openTab();
      });
    this.#want({
      device,
      what: `link ${device.name}`,
      isDone: () => device.account?.isListed === true,
      attempt: () => this.#link(device),
    });
  }

  /** Another device takes it off the list. */
  remove(device: Device, then: (address: string) => void = () => undefined): void {
    let address: string | null = null;
    this.#want({
      device,
      what: `remove ${device.name}`,
      isDone: () => {
        // Lost before it had become one.
        if (device.isLost && !this.#parts.register.isListed(device) && address === null) return true;
        if (address === null || !this.#parts.register.isRemoved(address)) return false;
        this.#parts.did('device-removed');
        // It may not even have heard that it was one.
        this.#forget(device);
        then(address);
        return true;
      },
      attempt: async () => {
        if (!this.#parts.register.isListed(device) || !device.account) return;
        address = device.address;
        const remover = this.#tabOfAnother(device);
        await remover?.client.removeDevice(`${device.account.number}.${device.account.registration}`);
      },
    });
  }

  /** It is removed, notices, and becomes a device again. */
  relink(device: Device): void {
    this.remove(device, (before) => {
      this.#want({
        device,
        what: `relink ${device.name}`,
        isDone: () => device.account?.isListed === true && device.address !== before,
        attempt: async () => {
          // Whoever was told that this browser is no device any more opens the page again.
          if (device.account === null) for (const tab of device.runningTabs) tab.retryNow();
          await this.#link(device);
        },
      });
    });
  }

  /**
   * The relay was put back to before it knew this device. It says so, and the device keeps what it holds; the person gives that up and
   * links it anew.
   */
  startAnew(device: Device): void {
    const before = device.address;
    this.#want({
      device,
      what: `start ${device.name} anew`,
      isDone: () => device.isLost || (device.account?.isListed === true && device.address !== before),
      attempt: async () => {
        if (device.address === before && (await this.#status(device))?.state === 'signed-out') this.#giveUp(device);
        else await this.#link(device);
      },
    });
  }

  /** Gone for ever, but not before this person has another device. */
  lose(device: Device, then: () => void = () => undefined): void {
    this.#want({
      device,
      what: `lose ${device.name}`,
      isDone: () => {
        if (!this.#hasAnother(device)) return false;
        this.#parts.did('device-lost');
        device.isLost = true;
        device.isUsed = false;
        device.crashAll();
        this.#forget(device);
        then();
        return true;
      },
      attempt: () => undefined,
    });
  }

  /** Closed for a long time. */
  leave(device: Device, untilTime: number): void {
    const { scheduler, did } = this.#parts;
    did('device-away');
    device.isUsed = false;
    device.crashAll();
    const back: Chore = {
      device,
      what: `open ${device.name} again`,
      isDone: () => device.isUsed,
      attempt: () => undefined,
    };
    this.#chores.add(back);
    scheduler.at(untilTime, `${device.name} is back`, () => {
      device.isUsed = true;
      device.openTab();
      this.#chores.delete(back);
    });
  }

  /** What was wanted of it so far is wanted no longer. */
  #forget(device: Device): void {
    for (const chore of this.#chores) if (chore.device === device) this.#chores.delete(chore);
  }

  #want(chore: Chore): void {
    this.#chores.add(chore);
    this.#tend(chore, AGAIN_MS, { isOver: true });
  }

  /** One attempt at a time; one that a dying tab never ends is given up when the next is due after the longest wait. */
  #tend(chore: Chore, ms: number, last: { isOver: boolean }): void {
    const { scheduler, random, user } = this.#parts;
    scheduler.after(random.between(ms / 2, ms), `${user}: ${chore.what}`, () => {
      if (!this.#chores.has(chore)) return;
      if (chore.isDone()) {
        this.#chores.delete(chore);
        return;
      }
      const attempt = last.isOver || ms >= AGAIN_AT_MOST_MS ? { isOver: false } : last;
      if (attempt !== last)
        void Promise.resolve(chore.attempt())
          .catch(() => undefined)
          .finally(() => (attempt.isOver = true));
      this.#tend(chore, Math.min(AGAIN_AT_MOST_MS, ms * 1.5), attempt);
    });
  }

  #giveUp(device: Device): void {
    this.#parts.did('device-unknown');
    device.crashAll();
    device.discard();
    this.#parts.discarded(device);
    device.openTab();
  }

  async #link(device: Device): Promise<void> {
    const { random, did, register } = this.#parts;
    const taker = device.runningTabs[0];
    const giver = this.#tabOfAnother(device);
    const status = await this.#status(device);
    if (status?.state === 'signed-out' && !register.isListed(device)) {
      // Put back while this one was on its way to the list: it has never been there.
      if (status.code === 'device-unknown') this.#giveUp(device);
      // A list that another device puts right after a restore does not have one that has just joined: the page is opened again.
      else if (status.code === 'device-gone') taker?.retryNow();
      return;
    }
    if (!taker || !giver || register.isListed(device)) return;
    if (status?.state !== 'needs-device' || !status.publicKey) return;
    const bundle = await makeBundle(giver, random.bytes);
    await takeBundle(taker, status.publicKey, bundle, random.bytes);
    did('device-linked');
  }

  async #status({ history }: Device) {
    const row = await history.tables.read(['status'], (read) => read.get('status', ['connection']));
    return row?.value;
  }

  #hasAnother(device: Device): boolean {
    return this.#parts.devices.some(
      (other) => other !== device && other.isUsed && this.#parts.register.isListed(other),
    );
  }

  #tabOfAnother(device: Device): Tab | null {
    const { devices, random, register } = this.#parts;
    const tabs = devices
      .filter((other) => other !== device && register.isListed(other))
      .flatMap((other) => other.runningTabs);
    return tabs.length === 0 ? null : random.pick(tabs);
  }
}
