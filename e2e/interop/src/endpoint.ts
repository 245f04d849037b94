import type { PreKeyBundle, ProtocolAddress } from '@sotto/crypto';

/** What travels between two endpoints: bytes, and the type that the envelope around them tells. */
export interface Wire {
  readonly type: 'prekey' | 'whisper';
  readonly bytes: Uint8Array;
}

/** One device, run by either library. Everything it keeps is stored as bytes and loaded again for every operation. */
export interface Endpoint {
  readonly address: ProtocolAddress;
  /** Fresh one-time prekeys each time. @param kem false: a bundle of the time before KEM prekeys */
  publish(options?: { kem?: boolean }): Promise<PreKeyBundle>;
  start(peer: ProtocolAddress, bundle: PreKeyBundle): Promise<void>;
  send(peer: ProtocolAddress, text: string): Promise<Wire>;
  receive(peer: ProtocolAddress, wire: Wire): Promise<string>;
}

export function addressKey({ name, deviceId }: ProtocolAddress): string {
  return `${name}.${deviceId}`;
}

/** Reads from a map what a test has put there. */
export function must<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`nothing stored under ${String(key)}`);
  return value;
}
