import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** IPv6 hands out whole networks: everything in one /64 counts as one client. */
const IPV6_GROUPS = 4;

/**
 * Where a request comes from. `x-forwarded-for` is believed only as far as our own proxies wrote it.
 *
 * @param proxies how many proxies of the operator stand in front of the relay
 */
export function clientAddress(request: IncomingMessage, proxies: number): string {
  const direct = request.socket.remoteAddress ?? '';
  const forwarded = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((address) => address.trim());
  const claimed = proxies > 0 ? forwarded.at(-proxies) : undefined;
  return network(claimed !== undefined && isIP(claimed) !== 0 ? claimed : direct);
}

function network(address: string): string {
  const mapped = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  if (isIP(mapped) !== 6) return mapped;
  const [head = '', tail = ''] = mapped.split('::');
  const [front, back] = [head, tail].map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - (front?.length ?? 0) - (back?.length ?? 0) }, () => '0');
  return `${[...(front ?? []), ...(mapped.includes('::') ? zeros : []), ...(back ?? [])].slice(0, IPV6_GROUPS).join(':')}::/64`;
}
