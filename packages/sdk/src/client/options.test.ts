import { expect, test } from 'vitest';

import { parseOptions } from './options.js';

const parse = (relay: string) => parseOptions({ relay, app: 'shop', user: 'alice', token: () => 'e30.e30.x' });

test.each([
  ['https://chat.example', 'https://chat.example'],
  ['HTTPS://Chat.Example/some/where', 'https://chat.example'],
  ['http://localhost:8080/', 'http://localhost:8080'],
  ['http://[::1]:8080', 'http://[::1]:8080'],
])('the relay %j is %j', (relay, origin) => {
  expect(parse(relay).relay).toBe(origin);
});

test.each([
  '',
  'chat.example',
  '/relay',
  'https:',
  'https://',
  'https://:443',
  'https:chat.example',
  'https://chat example',
  'https://chat.example:port',
  'ws://chat.example',
  'javascript:https://chat.example',
  ' https://chat.example',
])('%j is no relay', (relay) => {
  expect(() => parse(relay)).toThrow('relay: must be an http or https address');
});
