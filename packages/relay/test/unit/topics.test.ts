import { limits, type DownMessage } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';

import { localBus, memoryStore, type Limiter } from '../../src/index.js';
import { createRelayCore } from '../../src/core.js';
import { topicChannel } from '../../src/topics/topic-channel.js';
import { decodeSignal, encodeSignal, type TopicSignal } from '../../src/topics/topic-signal.js';
import { MAX_SUBSCRIPTIONS_PER_TOPIC, Topics, type Subscription } from '../../src/topics/topics.js';
import { APP, coreWorld, plainVerifier, settle, type Guest } from '../support/core.js';
import { random } from '../support/device.js';

const OK = { ok: true };
const topic = random(32);
const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();
const bytes = (words: string) => Buffer.from(words);
const texts = (guest: Guest) => guest.all('topic').map(({ payload }) => text(payload));

const join = (guest: Guest, tag: Uint8Array, will?: string, where = topic) =>
  guest.session.handle('join', { topic: where, tag, ...(will !== undefined && { will: bytes(will) }) });
const publish = (guest: Guest, payload: string, where = topic) =>
  guest.session.handle('publish', { topic: where, payload: bytes(payload) });

/** Alice, Bob and Carol, each with a tag, on one topic. */
async function company() {
  const world = await coreWorld();
  const [alice, bob, carol] = [await world.join('alice'), await world.join('bob'), await world.join('carol')];
  const tags = { alice: random(16), bob: random(16), carol: random(16) };
  expect(await join(alice, tags.alice)).toEqual(OK);
  expect(await join(bob, tags.bob, 'bob is gone')).toEqual(OK);
  expect(await join(carol, tags.carol)).toEqual(OK);
  await settle();
  return { ...world, alice, bob, carol, tags };
}

const leftBy = (guest: Guest): [string | undefined, string | undefined][] =>
  guest.all('left').map(({ tag, will }: DownMessage<'left'>) => [Buffer.from(tag).toString('hex'), text(will)]);
const hex = (tag: Uint8Array) => Buffer.from(tag).toString('hex');

describe('on one node', () => {
  test('what Alice publishes reaches the others once, and not herself', async () => {
    const { alice, bob, carol } = await company();
    expect(await publish(alice, 'typing')).toEqual(OK);
    await settle();
    expect([texts(alice), texts(bob), texts(carol)]).toEqual([[], ['typing'], ['typing']]);
    expect(bob.all('topic')[0]?.topic).toEqual(Buffer.from(topic));
  });

  test('those who are there hear who joins, and by then the newcomer hears them', async () => {
    const { alice, bob, carol, tags } = await company();
    const joinedTags = (guest: Guest) => guest.all('joined').map(({ tag }) => hex(tag));
    expect(joinedTags(alice)).toEqual([hex(tags.bob), hex(tags.carol)]);
    expect(joinedTags(bob)).toEqual([hex(tags.carol)]);
    expect(joinedTags(carol)).toEqual([]);
  });

  test('leaving is told without the will, a lost socket with it', async () => {
    const { alice, bob, carol, tags } = await company();
    expect(await carol.session.handle('leave', { topic })).toEqual(OK);
    bob.session.close();
    await settle();
    expect(leftBy(alice)).toEqual([
      [hex(tags.carol), undefined],
      [hex(tags.bob), 'bob is gone'],
    ]);
    expect(await publish(carol, 'still here?')).toMatchObject({ ok: false, error: { code: 'topic-not-joined' } });
    expect(await carol.session.handle('leave', { topic })).toEqual(OK);
    expect(leftBy(alice)).toHaveLength(2);
  });

  test.each(['superseded', 'token-expired', 'shutting-down'] as const)('the will is carried out on %s', async (why) => {
    const { core, alice, bob, tags, open, advance } = await company();
    if (why === 'superseded') await open(bob.device, { core, epoch: 2 });
    else if (why === 'token-expired') advance(3_700_000);
    else bob.session.bye('shutting-down');
    await settle();
    // Where Alice's own token is over as well, the order of the two is nobody's promise.
    if (why !== 'token-expired') expect(leftBy(alice)).toEqual([[hex(tags.bob), 'bob is gone']]);
    expect(bob.events.at(-1)).toMatchObject(['bye', { code: why }]);
    expect(core.subscriptions).toBe(why === 'token-expired' ? 0 : 2);
  });

  test('joining again with the same tag changes the will alone; with another one it is a new subscription', async () => {
    const { alice, bob, tags } = await company();
    expect(await join(bob, tags.bob, 'a later will')).toEqual(OK);
    expect(alice.all('joined')).toHaveLength(2);
    const fresh = random(16);
    expect(await join(bob, fresh, 'the last will')).toEqual(OK);
    expect(leftBy(alice)).toEqual([[hex(tags.bob), undefined]]);
    expect(hex(alice.all('joined')[2]?.tag ?? bytes(''))).toBe(hex(fresh));
    bob.session.close();
    expect(leftBy(alice)[1]).toEqual([hex(fresh), 'the last will']);
    expect(await publish(alice, 'anyone?')).toEqual(OK);
    expect(texts(bob)).toEqual([]);
  });

  test('requests that are sent without waiting are carried out in their order', async () => {
    const { alice, bob } = await company();
    const other = random(32);
    await join(alice, random(16), undefined, other);
    const replies = await Promise.all([
      join(bob, random(16), 'w', other),
      publish(bob, 'one', other),
      publish(bob, 'two', other),
      bob.session.handle('leave', { topic: other }),
      publish(bob, 'three', other),
    ]);
    expect(replies.map(({ ok }) => ok)).toEqual([true, true, true, true, false]);
    expect(texts(alice)).toEqual(['one', 'two']);
  });

  test('the same topic id in another app is another topic', async () => {
    const { alice, join: enter } = await company();
    const mallory = await enter('elsewhere/mallory');
    expect(await join(mallory, random(16))).toEqual(OK);
    await publish(mallory, 'peekaboo');
    await publish(alice, 'private');
    await settle();
    expect(texts(alice)).toEqual([]);
    expect(texts(mallory)).toEqual([]);
    expect(mallory.all('joined')).toEqual([]);
  });
});

describe('bounds', () => {
  test('one socket joins so many topics and no more, until it leaves one', async () => {
    const { alice } = await company();
    const topics = Array.from({ length: limits.MAX_TOPICS_PER_SOCKET }, () => random(32));
    const replies = await Promise.all(topics.map((each) => join(alice, random(16), 'will', each)));
    expect(replies.filter(({ ok }) => ok)).toHaveLength(limits.MAX_TOPICS_PER_SOCKET - 1);
    expect(replies.at(-1)).toMatchObject({ ok: false, error: { code: 'topic-limit' } });
    await alice.session.handle('leave', { topic });
    expect(await join(alice, random(16), 'will', topics.at(-1))).toEqual(OK);
  });

  test('a socket that is behind gets no signals, and is not waited for', async () => {
    const { alice, bob, carol } = await company();
    bob.peer.behind = true;
    await publish(alice, 'one');
    bob.peer.behind = false;
    await publish(alice, 'two');
    expect(texts(bob)).toEqual(['two']);
    expect(texts(carol)).toEqual(['one', 'two']);
  });

  test('signals of a device are limited, with the time to wait; more hearers cost more', async () => {
    let left = 200;
    const taken: [string, number][] = [];
    const limiter: Limiter = {
      budget: () => 200,
      take({ limit }, points = 1) {
        if (limit !== 'topicSignalsPerDevice') return Promise.resolve(null);
        taken.push([limit, points]);
        left -= points;
        return Promise.resolve(left < 0 ? 4_321 : null);
      },
    };
    const { join: enter } = await coreWorld({ limiter });
    const alice = await enter('alice');
    await join(alice, random(16));
    const replies = [];
    for (let sent = 0; sent < 250; sent++) replies.push(await publish(alice, 'x'));
    const refused = replies.filter((reply) => !reply.ok);
    expect(refused[0]).toMatchObject({ ok: false, error: { code: 'rate-limited', retryAfterMs: 4_321 } });
    expect(replies.length - refused.length).toBe(199);
    expect(alice.peer.closed).toBe(false);
  });

  test('a topic has so many subscriptions on a node and no more; each that goes makes room', async () => {
    const topics = new Topics(localBus(), random(8));
    const channel = topicChannel(random(32), APP, topic);
    const heard: TopicSignal[] = [];
    const some = (): Subscription => ({ channel, tag: random(16), hear: (signal) => heard.push(signal) });
    const all = Array.from({ length: MAX_SUBSCRIPTIONS_PER_TOPIC }, some);
    await Promise.all(all.map((each) => topics.join(each)));
    await expect(topics.join(some())).rejects.toMatchObject({ code: 'topic-full' });
    expect(topics.count).toBe(MAX_SUBSCRIPTIONS_PER_TOPIC);
    for (const each of all.slice(0, 1)) topics.leave(each);
    await topics.join(some());
    for (const each of all) topics.leave(each);
    expect(topics.count).toBe(1);
  });

  test('a node that hears of a socket’s end while it joins tells nobody, and keeps nothing', async () => {
    let ready: (stop: () => void) => void = () => undefined;
    let stopped = 0;
    const published: unknown[] = [];
    const bus = {
      ...localBus(),
      publish: (...message: unknown[]) => published.push(message),
      subscribe: () => new Promise<() => void>((resolve) => (ready = resolve)),
    };
    const topics = new Topics(bus, random(8));
    const subscription = { channel: topicChannel(random(32), APP, topic), tag: random(16), hear: () => undefined };
    const joining = topics.join(subscription);
    topics.leave(subscription, bytes('will'));
    ready(() => stopped++);
    await joining;
    await settle();
    expect([published, stopped, topics.count]).toEqual([[], 1, 0]);
  });

  test('a bus that cannot subscribe fails that join alone, and the next one tries again', async () => {
    let isBroken = true;
    const inner = localBus();
    const bus: typeof inner = {
      ...inner,
      subscribe: (channel, listener) =>
        isBroken && channel.startsWith('topic:')
          ? Promise.reject(new Error('away'))
          : inner.subscribe(channel, listener),
    };
    const { join: enter, core } = await coreWorld({ bus });
    const alice = await enter('alice');
    expect(await join(alice, random(16))).toMatchObject({ ok: false, error: { code: 'internal' } });
    expect(core.subscriptions).toBe(0);
    isBroken = false;
    expect(await join(alice, random(16))).toEqual(OK);
  });
});

describe('between nodes', () => {
  async function twoNodes() {
    const [bus, store] = [localBus(), memoryStore()];
    const north = await coreWorld({ bus, store });
    const options = { bus, store, verifier: plainVerifier, clock: north.clock };
    const south = await createRelayCore(options);
    const [alice, bob] = [await north.join('alice'), await north.open(await north.register('bob'), { core: south })];
    return { alice, bob, bus, south, store };
  }

  test('messages, hints and wills cross over, each once', async () => {
    const { alice, bob } = await twoNodes();
    const tags = { alice: random(16), bob: random(16) };
    await join(alice, tags.alice);
    await join(bob, tags.bob, 'bob is gone');
    await publish(alice, 'to the south');
    await publish(bob, 'to the north');
    bob.session.close();
    await settle();
    expect(alice.all('joined').map(({ tag }) => hex(tag))).toEqual([hex(tags.bob)]);
    expect(texts(alice)).toEqual(['to the north']);
    expect(texts(bob)).toEqual(['to the south']);
    expect(leftBy(alice)).toEqual([[hex(tags.bob), 'bob is gone']]);
  });

  test('nonsense on the bus is ignored', async () => {
    const { alice, bob, bus, store } = await twoNodes();
    await join(alice, random(16));
    const channel = topicChannel(await store.relayKey(), APP, topic);
    const node = random(8);
    const big = random(limits.MAX_TOPIC_PAYLOAD_BYTES + 1);
    for (const message of [
      Buffer.alloc(0),
      Buffer.of(1),
      Buffer.of(9, ...node, 1, 2, 3),
      Buffer.concat([Buffer.of(1), node]),
      Buffer.concat([Buffer.of(1), node, big]),
      Buffer.concat([Buffer.of(2), node, random(15)]),
      Buffer.concat([Buffer.of(3), node, random(17)]),
      Buffer.concat([Buffer.of(4), node, random(16)]),
      ...Array.from({ length: 50 }, () => Buffer.concat([Buffer.of(0), random(40)])),
    ])
      bus.publish(channel, message);
    await settle();
    expect(alice.events.filter(([event]) => ['topic', 'joined', 'left'].includes(event))).toEqual([]);
    await join(bob, random(16));
    expect(alice.all('joined')).toHaveLength(1);
  });

  test.each<TopicSignal>([
    { kind: 'message', payload: random(5) },
    { kind: 'joined', tag: random(16) },
    { kind: 'left', tag: random(16) },
    { kind: 'left', tag: random(16), will: random(4096) },
  ])('signals survive the wire: $kind', (signal) => {
    const node = random(8);
    const decoded = decodeSignal(encodeSignal(node, signal));
    const plain = (value: unknown) => JSON.stringify(value, (_key, inner: unknown) => inner);
    expect(plain(decoded?.signal)).toBe(
      plain(
        Object.fromEntries(
          Object.entries(signal).map(([key, value]) => [key, key === 'kind' ? value : Buffer.from(value)]),
        ),
      ),
    );
    expect(hex(decoded?.node ?? bytes(''))).toBe(hex(node));
  });

  test('a channel’s name tells neither topic nor app', () => {
    const [key, other] = [random(32), random(32)];
    const name = topicChannel(key, APP, topic);
    for (const spelling of ['hex', 'base64', 'base64url'] as const)
      expect(name).not.toContain(Buffer.from(topic).toString(spelling).slice(0, 8));
    expect(name).not.toContain(APP);
    expect(topicChannel(other, APP, topic)).not.toBe(name);
    expect(topicChannel(key, APP, topic)).toBe(name);
  });
});
