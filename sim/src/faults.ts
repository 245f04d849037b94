import type { Random } from './core/random.js';
import type { Scheduler } from './core/scheduler.js';
import type { Device } from './client/device.js';
import { CALM_DISK } from './client/disk.js';
import type { Tab } from './client/tab.js';
import type { Fault } from './plan.js';
import type { Cluster } from './relay/cluster.js';

export interface Scene {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly cluster: Cluster;
  readonly devices: readonly Device[];
  readonly nodes: number;
  /** Somebody writes on this device. */
  readonly write: (device: Device) => void;
  /** For counting. */
  readonly happened: (fault: Fault) => void;
}

const HOUR_MS = 3_600_000;

/** Makes something go wrong now, and arranges for its end. */
export function strike(fault: Fault, scene: Scene): void {
  const { scheduler, random, happened } = scene;
  const used = scene.devices.filter(({ isUsed }) => isUsed);
  if (used.length === 0) return;
  scheduler.note(`FAULT ${fault}`);
  happened(fault);
  MENU[fault](scene, random.pick(used));
}

const MENU: Record<Fault, (scene: Scene, device: Device) => void> = {
  'tab-crash': (scene, device) =>
    onTab(scene, device, (tab) => {
      device.crash(tab);
      reopen(scene, device);
    }),
  'browser-crash': (scene, device) => {
    device.crashAll();
    reopen(scene, device);
  },
  'tab-close': (scene, device) =>
    onTab(scene, device, (tab) => {
      tab.close();
      reopen(scene, device);
    }),
  'tab-freeze': (scene, device) =>
    onTab(scene, device, (tab) => {
      device.freeze(tab);
      later(scene, 500, 60_000, 'thaw', () => {
        if (scene.random.chance(0.2) && !tab.process.isDead) {
          device.crash(tab);
          reopen(scene, device);
        } else tab.process.thaw();
      });
    }),
  'two-engines': (scene, device) => {
    const { random, scheduler } = scene;
    // The relay tells the older one to go: half of the time it does not hear of it, and both have something to send.
    const deaf = random.chance(0.5);
    if (deaf) device.link.breakSockets('silent');
    device.lock.steal();
    for (let i = random.int(1, 4); deaf && i > 0; i--)
      scheduler.after(random.between(10, 3_000), 'somebody writes', () => scene.write(device));
  },
  'network-cut': (scene, { link }) => {
    link.cut(scene.random.pick(['reset', 'silent']));
    later(scene, 500, 40_000, 'network is back', () => (link.weather.up = true));
  },
  'socket-cut': (_, { link }) => link.breakSockets('reset'),
  'half-open': (scene, { link }) => link.breakSockets(scene.random.pick(['up', 'down', 'silent'])),
  'lossy-network': (scene, { link }) => {
    link.weather.losing = scene.random.between(0.05, 0.5);
    link.weather.repeating = scene.random.between(0, 0.3);
    later(scene, 2_000, 40_000, 'network loses nothing', () => {
      link.weather.losing = link.weather.repeating = 0;
    });
  },
  'slow-network': (scene, { link }) => {
    link.weather.slowest = scene.random.between(200, 4_000);
    later(scene, 2_000, 40_000, 'network is quick', () => (link.weather.slowest = 60));
  },
  'node-crash': ({ cluster, random, nodes }) => cluster.crash(random.int(0, nodes - 1), random.between(50, 15_000)),
  'store-failing': (scene) => {
    const { weather } = scene.cluster.disk;
    weather.failing = scene.random.between(0.05, 0.6);
    weather.slowest = scene.random.between(3, 100);
    later(scene, 1_000, 20_000, 'store is well', () => {
      weather.failing = 0;
      weather.slowest = 3;
    });
  },
  'bus-losing': (scene) => {
    const { exchange } = scene.cluster;
    Object.assign(exchange.weather, { losing: scene.random.between(0.2, 1), repeating: 0.3, slowest: 500 });
    later(scene, 1_000, 30_000, 'bus is well', () => {
      Object.assign(exchange.weather, { losing: 0, repeating: 0, slowest: 5 });
      exchange.gap();
    });
  },
  'clock-jump': ({ random }, device) => {
    device.clockOffset += random.pick([1, -1]) * random.pick([1_000, 60_000, 5 * HOUR_MS, 60 * HOUR_MS]);
  },
  'disk-failing': (scene, device) => {
    device.disk = {
      slowest: scene.random.pick([3, 200]),
      failing: scene.random.between(0.1, 1),
      error: scene.random.pick(['storage-full', 'storage-failed']),
    };
    later(scene, 500, 20_000, 'disk is well', () => (device.disk = CALM_DISK));
  },
};

/** Ends every fault: from here on all is well, and stays so. */
export async function calm({ scheduler, cluster, devices }: Scene): Promise<void> {
  scheduler.note('CALM');
  Object.assign(cluster.disk.weather, { failing: 0, slowest: 3 });
  Object.assign(cluster.exchange.weather, { losing: 0, repeating: 0, slowest: 5 });
  await cluster.start();
  cluster.exchange.gap();
  for (const device of devices) {
    Object.assign(device.link.weather, { up: true, losing: 0, repeating: 0, slowest: 60 });
    device.disk = CALM_DISK;
    for (const tab of device.tabs) {
      tab.process.thaw();
      tab.retryNow();
    }
    if (device.tabs.length === 0 && device.isUsed) device.openTab();
  }
}

function onTab({ random }: Scene, device: Device, act: (tab: Tab) => void): void {
  if (device.runningTabs.length > 0) act(random.pick(device.runningTabs));
}

function reopen(scene: Scene, device: Device): void {
  later(scene, 10, 8_000, `${device.name} opens a tab`, () => {
    if (device.runningTabs.length < 4 && device.isUsed) device.openTab();
  });
}

function later({ scheduler, random }: Scene, least: number, most: number, label: string, run: () => void): void {
  // Mostly soon: what is long is seldom, and costs many events.
  const span = random.chance(0.7) ? least + (most - least) / 8 : most;
  scheduler.after(random.between(least, span), label, run);
}
