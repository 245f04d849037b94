import { keyPairFromPrivate } from '@sotto/crypto';
import { toBase64Url, type AppId, type DeviceId } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { aciOf } from '../../src/content/content.js';
import { deriveTopic, openTopic, sealTopic, utcDay, type TopicMembers } from '../../src/engine/topic-secret.js';
import { systemRandom } from '../../src/util/random.js';

const app = 'acme' as AppId;
const [alice, bob] = [aciOf(app, 'alice'), aciOf(app, 'bob')];
const hers = keyPairFromPrivate(new Uint8Array(32).fill(1));
const his = keyPairFromPrivate(new Uint8Array(32).fill(2));
const DAY = utcDay(Date.UTC(2026, 10, 21, 23, 59, 59, 999));

const atAlice: TopicMembers = {
  app,
  own: { user: alice, identityPrivateKey: hers.privateKey },
  peer: { user: bob, identityKey: his.publicKey },
};
const atBob: TopicMembers = {
  app,
  own: { user: bob, identityPrivateKey: his.privateKey },
  peer: { user: alice, identityKey: hers.publicKey },
};
const content = {
  v: 1 as const,
  user: alice,
  device: 1 as DeviceId,
  tag: toBase64Url(new Uint8Array(16)),
  counter: 7,
  at: 1_795_219_199_999,
  kind: 'presence',
  body: {},
};

test('the derivation is pinned, and the same for both', () => {
  const topic = deriveTopic(atAlice, DAY);
  expect(deriveTopic(atBob, DAY)).toEqual(topic);
  expect({ day: DAY, id: toBase64Url(topic.id), key: toBase64Url(topic.key) }).toMatchInlineSnapshot(`
    {
      "day": 20778,
      "id": "hE3jyTXZbXPXSN9sf8-prRFWsNQZx_iwsSrk6NV9NJY",
      "key": "edxI1uHP0gXKvvrnvJ7wJ-eqvQSG2tfqPrdIC1t_y-w",
    }
  `);
});

test('another day, app or identity is another topic', () => {
  const one = toBase64Url(deriveTopic(atAlice, DAY).id);
  const others = [
    deriveTopic(atAlice, DAY + 1),
    deriveTopic({ ...atAlice, app: 'other' as AppId }, DAY),
    deriveTopic({ ...atAlice, peer: { user: bob, identityKey: hers.publicKey } }, DAY),
  ].map(({ id }) => toBase64Url(id));
  expect(new Set([one, ...others]).size).toBe(4);
});

test('only a member’s message opens, only on its own topic, and only whole', () => {
  const [topic, tomorrow] = [deriveTopic(atAlice, DAY), deriveTopic(atAlice, DAY + 1)];
  const payload = sealTopic(topic, content, systemRandom);
  expect(openTopic(deriveTopic(atBob, DAY), payload)).toEqual(content);
  expect(openTopic({ id: tomorrow.id, key: topic.key }, payload)).toBeNull();
  expect(openTopic(tomorrow, payload)).toBeNull();
  for (const length of [0, 10, 24, payload.length - 1]) expect(openTopic(topic, payload.slice(0, length))).toBeNull();
  const bent = payload.slice();
  bent[40] = (bent[40] ?? 0) ^ 1;
  expect(openTopic(topic, bent)).toBeNull();
});
