import { BlockList, isIP, SocketAddress } from 'node:net';

/** An address as it is compared: IPv6 in its shortest spelling, IPv4 in IPv6 (`::ffff:...`) as IPv4. Null: not an address. */
export function normalAddress(text: string): string | null {
  const [address = ''] = text.split('%');
  if (isIP(address) === 4) return address;
  if (isIP(address) !== 6) return null;
  const shortest = new SocketAddress({ address, family: 'ipv6' }).address;
  const mapped = shortest.startsWith(MAPPED) ? shortest.slice(MAPPED.length) : '';
  return isIP(mapped) === 4 ? mapped : shortest;
}

const MAPPED = '::ffff:';
const MAPPED_BITS = 96;

interface Network {
  address: string;
  bits: number;
  family: 'ipv4' | 'ipv6';
}

/** `10.0.0.0/8`, `2001:db8::/32`, or a single address. Null: neither. */
export function parseNetwork(text: string): Network | null {
  const [, host = '', length] = /^([^/]+)(?:\/([0-9]{1,3}))?$/.exec(text) ?? [];
  const address = normalAddress(host);
  if (address === null) return null;
  const [family, longest] = isIP(address) === 4 ? (['ipv4', 32] as const) : (['ipv6', 128] as const);
  const isMapped = family === 'ipv4' && isIP(host) === 6;
  const bits = length === undefined ? longest : Number(length) - (isMapped ? MAPPED_BITS : 0);
  return bits >= 0 && bits <= longest ? { address, bits, family } : null;
}

/** Networks of both kinds, on Node's own matcher. */
export class AddressList {
  readonly #list = new BlockList();

  /** @param networks such as {@link parseNetwork} understands; others throw */
  constructor(networks: readonly string[]) {
    for (const text of networks) {
      const network = parseNetwork(text);
      if (!network) throw new RangeError('not a network');
      this.#list.addSubnet(network.address, network.bits, network.family);
    }
  }

  /** @param address in its normal form */
  has(address: string): boolean {
    const version = isIP(address);
    return version !== 0 && this.#list.check(address, version === 4 ? 'ipv4' : 'ipv6');
  }
}

/** Who may use the relay at all, by address. The deny list wins; without an allow list everybody else may. */
export class AddressRules {
  readonly #allow: AddressList | null;
  readonly #deny: AddressList;

  constructor({ allow, deny }: { allow: readonly string[]; deny: readonly string[] }) {
    this.#allow = allow.length > 0 ? new AddressList(allow) : null;
    this.#deny = new AddressList(deny);
  }

  admits(address: string): boolean {
    return !this.#deny.has(address) && (this.#allow?.has(address) ?? true);
  }
}
