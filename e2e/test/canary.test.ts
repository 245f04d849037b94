import { connect, messageTo, newUser } from '@sotto/relay/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { search } from '../support/canary.js';
import type { Setup } from '../support/backend.js';
import type { Person } from '../support/person.js';
import { databaseDump, filesBelow, RedisMonitor, type Place } from '../support/stores.js';
import { World } from '../support/world.js';

/** Texts that occur nowhere else. */
const TEXTS = ['kingfisher-over-still-water-51', 'the zebra sings at noon 7719', 'schöner-Götterfunken-9302-für-Elise'];
const NAMES = { alice: 'alice-of-the-long-name-4471', bob: 'bob-of-the-long-name-8812' };
/** What people say of themselves and of their devices, type without sending, and seal a bundle with. */
const PRIVATE = {
  profile: 'Wintergoldhähnchen 3381 at the window',
  deviceName: 'the-brass-telescope-laptop-2290',
  draft: 'never-sent-thoughts-about-lighthouses-6154',
  passphrase: 'seven-copper-kettles-whistle-1907',
};
const PLANTED = 'planted-plaintext-that-must-be-found-66';

const SETUPS: Setup[] = ['embedded', 'cluster'];

describe.each(SETUPS)('what there is to find at the relay, %s', (setup) => {
  let world: World;
  let monitor: RedisMonitor | null = null;
  let alice: Person;
  let bob: Person;

  beforeAll(async () => {
    world = await World.create(setup);
    const { servers } = world.backend;
    if (servers) monitor = await RedisMonitor.start(servers.redisUrl);
    alice = await world.person(NAMES.alice, NAMES.bob, { record: true });
    bob = await world.person(NAMES.bob, NAMES.alice, { record: true });
  });
  afterAll(async () => {
    monitor?.stop();
    await world.end();
  });

  /** What the relays keep, say to each other, print, and show to the operator. */
  async function inside(): Promise<Place[]> {
    const { servers, folder } = world.backend;
    const places: Place[] = [];
    if (servers) places.push(await databaseDump(servers.databaseUrl));
    if (folder !== null) places.push(...filesBelow(folder));
    if (monitor) places.push(['Redis', monitor.traffic]);
    for (const [index, relay] of world.relays.entries()) {
      places.push([`log of relay ${index}`, relay.log]);
      for (const path of ['/healthz', '/readyz', '/metrics']) {
        const response = await fetch(relay.url + path);
        places.push([`${path} of relay ${index}`, Buffer.from(await response.arrayBuffer())]);
      }
    }
    return places;
  }

  function onTheWire(): Place[] {
    return [alice, bob].map(({ name, network }) => [`traffic of ${name}`, network.traffic]);
  }

  test('Alice and Bob talk, Bob also while he is away: their words are nowhere to be found', async () => {
    const [her, his] = [await alice.open(), await bob.open()];
    await Promise.all([her.isIn('online'), his.isIn('online')]);
    const [first = '', second = '', third = ''] = TEXTS;
    await her.send(first);
    await his.shows(first);
    await his.send(second);
    await her.shows(first, second);
    await her.reaches('read');
    await his.close();
    // This one waits in his mailbox.
    await her.send(third);
    await her.shows(first, second, third);
    await her.reaches('sent');

    const stored = await inside();
    const wire = onTheWire();
    for (const [where, bytes] of wire) expect(bytes.length, where).toBeGreaterThan(5_000);
    expect(search([...stored, ...wire], TEXTS)).toEqual([]);
    // Names travel inside tokens, but the relay keeps only what it computes from them.
    expect(search(stored, Object.values(NAMES))).toEqual([]);
  });

  test('names, device names, typing and presence, a second device: what they say is nowhere to be found', async () => {
    const phone = await world.person(NAMES.alice, NAMES.bob, { record: true });
    const [her, his] = [await alice.open(), await bob.open()];
    await Promise.all([her.isIn('online'), his.isIn('online')]);
    await her.page.evaluate(async ({ profile, deviceName }) => {
      await window.probe?.client.setProfile({ name: profile });
      await window.probe?.client.renameDevice(deviceName);
    }, PRIVATE);
    await his.page.locator('sotto-chat').getByText(PRIVATE.profile).first().waitFor();
    const presence = his.page.locator('sotto-chat [part="presence"]');
    await presence.getByText('Online').waitFor();
    await her.page.locator('sotto-chat textarea').pressSequentially(PRIVATE.draft);
    await presence.getByText('Typing').waitFor();

    const hers = await phone.open();
    await hers.isIn('needs-device');
    const sealed = await her.page.evaluate(
      async (passphrase) => [...((await window.probe?.client.exportDevice(passphrase)) ?? [])],
      PRIVATE.passphrase,
    );
    await hers.page.evaluate(
      async ({ bundle, passphrase }) => {
        const connection = window.probe?.connection;
        if (connection?.state === 'needs-device') await connection.link(Uint8Array.from(bundle), passphrase);
      },
      { bundle: sealed, passphrase: PRIVATE.passphrase },
    );
    // It says so to the new device, and to nobody else.
    await hers.page.evaluate(
      (name) =>
        new Promise<void>((resolve) => {
          window.probe?.client.devices.subscribe((devices) => {
            if (devices.some((device) => device.name === name)) resolve();
          });
        }),
      PRIVATE.deviceName,
    );

    const wire = [...onTheWire(), ['traffic of her phone', phone.network.traffic] as const];
    expect(search([...(await inside()), ...wire], Object.values(PRIVATE))).toEqual([]);
  });

  test('the search is not blind: a client that sends plaintext is caught in every place where envelopes are', async () => {
    const through = await world.person('mallory', 'nobody', { record: true });
    const mallory = await newUser(`http://127.0.0.1:${through.network.port}`, 'mallory');
    const nobody = await newUser(world.relays[0].url, 'nobody');
    const socket = await connect(mallory);
    const reply = await socket.submit(messageTo(nobody, { payload: Buffer.from(`{"text":"${PLANTED}"}`) }));
    expect(reply).toEqual({ ok: true, outcomes: ['stored'] });
    socket.close();

    expect(search([['wire', through.network.traffic]], [PLANTED])).not.toEqual([]);
    const found = search(await inside(), [PLANTED]).map(({ where }) => where);
    if (world.backend.servers) expect(found).toEqual(expect.arrayContaining(['PostgreSQL', 'Redis']));
    else expect(found).not.toEqual([]);
  });

  test('the search is not blind in the log either: what is printed there is read', () => {
    for (const relay of world.relays) {
      expect(search([['log', relay.log]], ['"msg":"the relay listens"'])).not.toEqual([]);
    }
  });
});
