import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

import { AddressList, normalAddress } from './address-list.js';

/** IPv6 hands out whole networks: everything in one /64 counts as one client. */
const IPV6_GROUPS = 4;

/** Proxies of the operator in front of the relay: how many stand in a row, or which networks they are in. */
export type TrustedProxies = number | AddressList;

export function trustedProxies(setting: number | readonly string[]): TrustedProxies {
  return typeof setting === 'number' ? setting : new AddressList(setting);
}

/** Where a request comes from, as it counts for limits and in logs: an IPv4 address, or an IPv6 network. */
export function clientAddress(request: IncomingMessage, proxies: TrustedProxies): string {
  return networkOf(clientIp(request, proxies));
}

/** The very address that a request comes from. `x-forwarded-for` is believed only as far as our own proxies wrote it. */
export function clientIp(request: IncomingMessage, proxies: TrustedProxies): string {
  const direct = normalAddress(request.socket.remoteAddress ?? '') ?? '';
  const forwarded = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((address) => normalAddress(address.trim()));
  if (typeof proxies === 'number') return (proxies > 0 ? forwarded.at(-proxies) : null) ?? direct;
  let address = direct;
  // From the nearest proxy outwards; each proxy of ours appended who called it.
  while (proxies.has(address)) {
    const caller = forwarded.pop();
    if (caller === undefined || caller === null) break;
    address = caller;
  }
  return address;
}

function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail = ''] = address.split('::');
  const [front, back] = [head, tail].map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - (front?.length ?? 0) - (back?.length ?? 0) }, () => '0');
  return `${[...(front ?? []), ...(address.includes('::') ? zeros : []), ...(back ?? [])].slice(0, IPV6_GROUPS).join(':')}::/64`;
}
