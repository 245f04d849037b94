import { aciOf, type MailboxId } from '@sotto/relay';
import { THIS_DEVICE, type VaultRows } from '@sotto/sdk/testing';

import { Oracle, type Violation, type Written } from './checks/oracle.js';
import { checkOutcome, type Outcome } from './checks/outcome.js';
import { textOf } from './checks/text.js';
import { checkWiped } from './checks/wiped.js';
import { Random } from './core/random.js';
import { EPOCH_MS, Scheduler } from './core/scheduler.js';
import { Trace } from './core/trace.js';
import { Device, type Profile } from './client/device.js';
import { Link } from './client/link.js';
import { Owner } from './client/owner.js';
import type { Tab } from './client/tab.js';
import { calm, strike, type Scene } from './faults.js';
import { planOf, type DevicePlan, type Fate, type Plan, type Wish } from './plan.js';
import { Cluster } from './relay/cluster.js';
import { APP } from './relay/tokens.js';
import { whatIsOpen } from './rest.js';

export interface WorldReport {
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  /** Whether a profile that was put back has heard so; null where none was. It need not where it had sent and received nothing. */
  readonly noticed: boolean | null;
  readonly outcome: Outcome | null;
  readonly faults: Readonly<Record<string, number>>;
  /** The same for the same seed, always. */
  readonly trace: string;
  readonly lines: readonly string[];
  readonly events: number;
  readonly virtualMs: number;
}

/** How long, at most, a world may take to come to rest: longer than every wait and time-out in it. */
const REST_MS = 15 * 60_000;

/** How long after everything is calm a device that was away comes back. */
const AWAY_MS = [10_000, 180_000] as const;

/** How often it is looked whether a world has come to rest, and how long it must stay so. */
const LOOK_MS = 2_000;

/** Lives one world from beginning to end. */
export async function runWorld(
  seed: number,
  { wholeTrace = false, ...wish }: Wish & { wholeTrace?: boolean } = {},
): Promise<WorldReport> {
  const random = new Random(`world ${seed}`);
  const world = new World(planOf(seed, random.fork('plan'), wish), random, new Trace(wholeTrace));
  const stray = (error: unknown): void => world.stray(error);
  process.on('unhandledRejection', stray);
  process.on('uncaughtException', stray);
  try {
    return await world.live();
  } finally {
    process.off('unhandledRejection', stray);
    process.off('uncaughtException', stray);
  }
}

class World {
  readonly #plan: Plan;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #scheduler: Scheduler;
  readonly #oracle = new Oracle();
  readonly #cluster: Cluster;
  readonly #devices: readonly Device[];
  readonly #owners: readonly Owner[];
  readonly #happened = new Map<string, number>();
  readonly #scene: Scene;
  #turn = 0;
  /** The device whose profile was put back. */
  #restored: Device | null = null;

  constructor(plan: Plan, random: Random, trace: Trace) {
    this.#plan = plan;
    this.#random = random;
    this.#trace = trace;
    this.#scheduler = new Scheduler(trace);
    this.#cluster = new Cluster({
      scheduler: this.#scheduler,
      random: random.fork('relay'),
      nodes: plan.nodes,
      quota: plan.quota,
      observer: this.#oracle,
      onFault: (error) => this.stray(error),
    });
    this.#devices = plan.devices.map((device) => this.#device(device));
    this.#owners = plan.users.map((user) => this.#owner(user));
    this.#cluster.onKilled = (node) => this.#devices.forEach(({ link }) => link.nodeDied(node));
    this.#scene = {
      scheduler: this.#scheduler,
      random: random.fork('faults'),
      cluster: this.#cluster,
      devices: this.#devices,
      nodes: plan.nodes,
      write: (device) => this.#somebodyWrites(this.#scene.random, device),
      happened: (what) => this.#count(what),
    };
  }

  /** Something broke that nobody has caught. */
  stray(error: unknown): void {
    const text =
      error instanceof Error ? `${error.name}: ${error.message} ${error.stack?.split('\n')[1] ?? ''}` : String(error);
    this.#oracle.report('stray-error', text.trim());
  }

  async live(): Promise<WorldReport> {
    this.#trace.add(JSON.stringify(this.#plan));
    await this.#cluster.start();
    this.#schedule();
    await this.#scheduler.runUntil(EPOCH_MS + this.#plan.activeMs);
    await calm(this.#scene);
    const rested = await this.#comeToRest();
    const { rollback } = this.#plan;
    const tolerance = {
      notices: rollback === 'profile',
      lowStatuses: rollback !== 'none',
      gaps: rollback !== 'none',
    };
    const members = this.#devices.filter((device) => !device.isLost && this.#oracle.isListed(device));
    const outcome = rested ? await checkOutcome(this.#oracle, members, tolerance) : null;
    if (rested) await checkWiped(this.#oracle, this.#devices);
    // Whoever has seen the newer list publishes it again, and its user's other devices have.
    if (rested) for (const address of this.#oracle.backOnLists) this.#oracle.report('removed-is-back', address);
    return {
      plan: this.#plan,
      violations: this.#oracle.violations,
      noticed: this.#restored && this.#oracle.noticed.has(this.#restored),
      outcome,
      faults: Object.fromEntries(this.#happened),
      trace: this.#trace.digest(),
      lines: this.#trace.lines,
      events: this.#scheduler.ran,
      virtualMs: Math.round(this.#scheduler.now - EPOCH_MS),
    };
  }

  #count(what: string): void {
    this.#happened.set(what, (this.#happened.get(what) ?? 0) + 1);
  }

  #owner(user: string): Owner {
    return new Owner({
      user,
      devices: this.#devices.filter((device) => device.user === user),
      scheduler: this.#scheduler,
      random: this.#random.fork(`owner ${user}`),
      register: this.#oracle,
      did: (what) => this.#count(what),
      discarded: (device) => this.#oracle.discarded(device),
    });
  }

  #device({ name, user }: DevicePlan): Device {
    const link = new Link(this.#scheduler, this.#random.fork(`link ${name}`), this.#cluster, {
      submitted: (submit) => this.#oracle.submitted(device, submit),
      welcomed: (welcome) => this.#oracle.welcomed(device, welcome),
    });
    const device: Device = new Device({
      name,
      user,
      scheduler: this.#scheduler,
      random: this.#random.fork(name),
      link,
      tokenMs: this.#plan.tokenMs,
      onCommit: (owner, database, changes) => this.#oracle.committed(owner, database, changes),
    });
    return device;
  }

  #schedule(): void {
    const { activeMs, messages, faults, faultCount, rollback } = this.#plan;
    const random = this.#random.fork('schedule');
    const at = (label: string, run: () => void, least = 0): void => {
      this.#scheduler.at(EPOCH_MS + random.between(least * activeMs, activeMs), label, run);
    };
    this.#devices.forEach((device, index) => this.#scheduleDevice(device, this.#plan.devices[index], random));
    for (let i = 0; i < messages; i++) at('somebody writes', () => this.#somebodyWrites(random));
    for (let i = 0; i < messages / 2; i++) at('somebody reads', () => this.#somebodyReads(random));
    for (let i = 0; i < faultCount; i++) {
      const fault = random.pick(faults);
      at(`fault ${fault}`, () => strike(fault, this.#scene));
    }
    if (rollback === 'relay') at('relay rolls back', () => this.#rollBackRelay(random), 0.5);
    if (rollback === 'profile') this.#scheduleProfileRollback(random);
  }

  #scheduleDevice(device: Device, plan: DevicePlan | undefined, random: Random): void {
    const { activeMs, users } = this.#plan;
    const owner = this.#owners[users.indexOf(device.user)];
    if (!plan || !owner) return;
    const late = plan.joins === 0 && random.chance(0.2) ? random.between(0, activeMs / 2) : 0;
    const at = (part: number, label: string, run: () => void): void => {
      this.#scheduler.at(EPOCH_MS + part * activeMs, `${device.name} ${label}`, run);
    };
    at(plan.joins + late / activeMs, 'is opened', () => owner.use(device, plan.tabs));
    const fate: Record<Fate, () => void> = {
      stays: () => undefined,
      removed: () => owner.remove(device),
      relinked: () => owner.relink(device),
      lost: () => owner.lose(device),
      disowned: () => owner.lose(device, () => owner.remove(device)),
      away: () => owner.leave(device, EPOCH_MS + activeMs + random.between(...AWAY_MS)),
    };
    if (plan.fate !== 'stays') at(plan.fateAt, `is ${plan.fate}`, fate[plan.fate]);
  }

  #somebodyWrites(random: Random, device = random.pick(this.#devices)): void {
    const tabs = device.runningTabs;
    // Nobody writes on a device that has told them that it is none any more.
    if (tabs.length === 0 || (device.wiped > 0 && device.account === null)) return;
    const tab = random.pick(tabs);
    const to = random.pick(this.#plan.users.filter((user) => user !== device.user));
    // Bursts come with the same likelihood as single words.
    const count = random.chance(0.15) ? random.int(2, 5) : 1;
    for (let i = 0; i < count; i++) void this.#write(device, tab, to);
  }

  async #write(device: Device, tab: Tab, to: string): Promise<void> {
    const turn = this.#turn++;
    const text = `${device.user}>${to} ${turn}`;
    const after = new Set<string>();
    for (const row of this.#oracle.rowsOf(device)) {
      const known = this.#oracle.written.get(textOf(row) ?? '');
      const here = known && [known.to, known.from.user].every((user) => user === to || user === device.user);
      // An own message that has no place yet gets it when it is sealed.
      if (known && here && !(row.device === THIS_DEVICE && row.status === 'pending')) after.add(known.text);
    }
    const life = device.wiped;
    const written: Written = { text, from: device, life, to, tab: tab.process.name, turn, after, stored: false };
    this.#oracle.written.set(text, written);
    try {
      await tab.client.direct(to).send(text);
      written.stored = true;
    } catch {
      // The person was told; whether it is there, the histories say.
      this.#scheduler.note(`${text} was not stored`);
    }
  }

  #somebodyReads(random: Random): void {
    const tab = this.#someTab(random);
    if (!tab) return;
    const other = random.pick(this.#plan.users.filter((user) => user !== tab.device.user));
    tab.tab.client
      .direct(other)
      .markRead()
      .catch(() => undefined);
  }

  #someTab(random: Random): { device: Device; tab: Tab } | null {
    const device = random.pick(this.#devices);
    const tabs = device.runningTabs;
    return tabs.length === 0 ? null : { device, tab: random.pick(tabs) };
  }

  /** Back to a state after all that the directory knows now, or to before devices were linked or removed. */
  #rollBackRelay(random: Random): void {
    const { disk } = this.#cluster;
    const recent = random.int(Math.max(disk.lastDirectoryStep, disk.length - 60), disk.length);
    const length = this.#plan.behindDevices ? (this.#lengthBehindDevices() ?? recent) : recent;
    this.#scheduler.note(`ROLLBACK relay from ${disk.length} to ${length}`);
    void this.#cluster.rollBack(length).then(async () => {
      const { devices } = await disk.inside.inspect(APP);
      const heads = new Map(devices.map(({ mailbox }) => [mailbox, 0]));
      for (const mailbox of heads.keys()) heads.set(mailbox, (await disk.inside.mailbox(APP, mailbox))?.head ?? 0);
      this.#oracle.relayRolledBack(heads);
      if (length < recent) await this.#devicesPutBack(new Set(heads.keys()));
    });
  }

  /** Each user keeps a device that will be there: who has none any more, the relay must take for somebody new. */
  #lengthBehindDevices(): number | null {
    const { disk } = this.#cluster;
    const random = this.#random.fork('behind devices');
    const lasting = this.#devices.filter((device, index) => {
      const fate = this.#plan.devices[index]?.fate;
      return this.#oracle.isListed(device) && (fate === 'stays' || fate === 'away');
    });
    const least = disk.lengthWith(
      this.#plan.users.map((user) =>
        lasting.filter((device) => device.user === user).flatMap((device) => this.#oracle.mailboxOf(device) ?? []),
      ),
    );
    const steps = disk.deviceStepsFrom(least).slice(-6);
    return steps.length === 0 ? null : Math.max(least, random.pick(steps) - random.int(0, 5));
  }

  async #devicesPutBack(known: ReadonlySet<MailboxId>): Promise<void> {
    this.#count('relay-behind-devices');
    const states = await Promise.all(
      this.#plan.users.map((user) => this.#cluster.disk.inside.user(APP, aciOf(APP, user))),
    );
    this.#oracle.directoryPutBack(
      states.flatMap((state) => state?.devices ?? []).filter(({ mailbox }) => known.has(mailbox)),
    );
    const addresses = new Set([...known].map((mailbox) => this.#oracle.addressOf(mailbox)));
    for (const device of this.#devices) {
      if (device.isLost || device.address === null || addresses.has(device.address)) continue;
      const owner = this.#owners[this.#plan.users.indexOf(device.user)];
      owner?.startAnew(device);
    }
  }

  /** A browser profile is copied, lives on, and is replaced by the copy. One that is no device yet has nothing to lose. */
  #scheduleProfileRollback(random: Random): void {
    const { activeMs } = this.#plan;
    const lasting = this.#devices.filter((_, index) => this.#plan.devices[index]?.fate === 'stays');
    if (lasting.length === 0) return;
    const device = random.pick(lasting);
    this.#scheduler.at(EPOCH_MS + activeMs * random.between(0.2, 0.6), 'profile copied', () => {
      void device.profile().then((profile) => {
        if (!isDevice(profile)) return;
        this.#scheduler.after(activeMs * random.between(0.1, 0.3), 'profile restored', () => {
          device.crashAll();
          this.#restored = device;
          const { restored } = this.#plan;
          this.#scheduler.note(`ROLLBACK ${restored} of ${device.name}`);
          void device
            .restore(profile, restored)
            .then(() => this.#oracle.reload(device, restored))
            .then(() => device.openTab());
        });
      });
    });
  }

  /** Runs until nothing is left to do anywhere, and stays so. */
  async #comeToRest(): Promise<boolean> {
    const end = this.#scheduler.now + REST_MS;
    let quiet = 0;
    let open = '';
    while (this.#scheduler.now < end) {
      await this.#scheduler.runUntil(this.#scheduler.now + LOOK_MS);
      open = await whatIsOpen(this.#cluster, this.#owners, this.#devices);
      quiet = open === '' ? quiet + 1 : 0;
      if (quiet > 2) return true;
    }
    this.#oracle.report('no-rest', open);
    return false;
  }
}

function isDevice({ vault }: Profile): boolean {
  return ((vault.get('meta') ?? []) as VaultRows['meta'][]).some(
    (row) => row.name === 'identity' && row.stage === 'listed',
  );
}
