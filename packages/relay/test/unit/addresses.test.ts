import type { IncomingMessage } from 'node:http';

import { describe, expect, test } from 'vitest';

import { configFrom, type RelayConfig } from '../../src/index.js';
import { AddressList, AddressRules, normalAddress, parseNetwork } from '../../src/ops/address-list.js';
import { clientAddress, clientIp, trustedProxies } from '../../src/ops/client-address.js';

test.each([
  ['10.1.2.3', '10.1.2.3'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['::FFFF:0a01:0203', '10.1.2.3'],
  ['0:0:0:0:0:ffff:10.1.2.3', '10.1.2.3'],
  ['2001:DB8:0:0::1', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::1', '::1'],
])('%s is %s', (text, normal) => {
  expect(normalAddress(text)).toBe(normal);
});

test.each(['', 'localhost', '10.1', '010.1.2.3', '10.1.2.3:80', '1.2.3.4, 5.6.7.8', '::g', '[::1]'])(
  '"%s" is no address',
  (text) => {
    expect(normalAddress(text)).toBeNull();
  },
);

describe('lists', () => {
  test.each([
    ['10.0.0.0/8', '10.255.255.255', '11.0.0.0'],
    ['192.0.2.7', '192.0.2.7', '192.0.2.8'],
    ['0.0.0.0/0', '8.8.8.8', '2001:db8::1'],
    ['2001:db8::/32', '2001:db8:ffff::1', '2001:db9::1'],
    ['::1', '::1', '::2'],
    ['::ffff:10.0.0.0/104', '10.9.9.9', '11.0.0.0'],
  ])('%s holds %s and not %s', (network, inside, outside) => {
    const list = new AddressList([network]);
    expect([list.has(inside), list.has(outside), list.has('')]).toEqual([true, false, false]);
  });

  test.each(['10.0.0.0/33', '2001:db8::/129', '10.0.0.0/-1', '10.0.0.0/', '/8', 'example.org', '::ffff:10.0.0.0/95'])(
    '%s is no network',
    (text) => {
      expect(parseNetwork(text)).toBeNull();
    },
  );

  test('what is denied stays so, whatever is allowed; nothing allowed means all', () => {
    const rules = new AddressRules({ allow: ['10.0.0.0/8', '2001:db8::/32'], deny: ['10.6.0.0/16'] });
    const asked = ['10.1.1.1', '10.6.1.1', '2001:db8::5', '8.8.8.8', ''];
    expect(asked.map((address) => rules.admits(address))).toEqual([true, false, true, false, false]);
    const open = new AddressRules({ allow: [], deny: ['10.6.0.0/16'] });
    expect(asked.map((address) => open.admits(address))).toEqual([true, false, true, true, true]);
  });
});

describe('behind proxies', () => {
  const request = (remoteAddress: string, forwarded?: string) =>
    ({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage;

  test('a number: so many entries from the right', () => {
    const from = (count: number, forwarded?: string) => clientIp(request('::ffff:10.0.0.9', forwarded), count);
    expect(from(0, '6.6.6.6')).toBe('10.0.0.9');
    expect(from(1, '6.6.6.6, 198.51.100.1')).toBe('198.51.100.1');
    expect(from(2, '6.6.6.6, 198.51.100.1')).toBe('6.6.6.6');
    expect(from(1, 'nonsense')).toBe('10.0.0.9');
    expect(from(1)).toBe('10.0.0.9');
  });

  test('networks: outwards as long as it was one of ours who wrote', () => {
    const proxies = trustedProxies(['10.0.0.0/8', 'fd00::/8']);
    const from = (address: string, forwarded?: string) => clientIp(request(address, forwarded), proxies);
    expect(from('::ffff:10.0.0.9', '6.6.6.6, 198.51.100.1')).toBe('198.51.100.1');
    expect(from('10.0.0.9', '6.6.6.6, 198.51.100.1, fd00::7')).toBe('198.51.100.1');
    // Not through our proxies: whatever it claims is a lie.
    expect(from('203.0.113.5', '198.51.100.1')).toBe('203.0.113.5');
    expect(from('10.0.0.9')).toBe('10.0.0.9');
    expect(from('10.0.0.9', 'nonsense')).toBe('10.0.0.9');
    expect(from('10.0.0.9', '10.0.0.8, 10.0.0.7')).toBe('10.0.0.8');
  });

  test('limits count an IPv6 network as one client', () => {
    expect(clientAddress(request('2001:db8:1:2:3::4'), 0)).toBe('2001:db8:1:2::/64');
    expect(clientAddress(request('2001:db8::4'), 0)).toBe('2001:db8:0:0::/64');
    expect(clientAddress(request('::ffff:10.0.0.9'), 0)).toBe('10.0.0.9');
  });
});

test('the settings come as lists of networks, and what is none is named', () => {
  const from = (environment: Record<string, string>): RelayConfig => configFrom(environment, { dev: true });
  expect(
    from({
      SOTTO_TRUSTED_PROXIES: '10.0.0.0/8, fd00::/8',
      SOTTO_ALLOW_ADDRESSES: '192.0.2.0/24 ::1',
      SOTTO_DENY_ADDRESSES: '192.0.2.66',
    }),
  ).toMatchObject({
    trustedProxies: ['10.0.0.0/8', 'fd00::/8'],
    allowAddresses: ['192.0.2.0/24', '::1'],
    denyAddresses: ['192.0.2.66'],
  });
  expect(from({ SOTTO_TRUSTED_PROXIES: '2' }).trustedProxies).toBe(2);
  expect(() => from({ SOTTO_DENY_ADDRESSES: 'example.org' })).toThrow(/denyAddresses/);
  expect(() => from({ SOTTO_TRUSTED_PROXIES: '11' })).toThrow(/trustedProxies/);
});
