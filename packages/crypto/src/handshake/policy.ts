import type { PqPolicy } from '../ratchet/pq-ratchet.js';

/**
 * Which handshakes we start and accept. The default is the only one for real use; the switches exist to talk to old
 * peers.
 */
export interface HandshakePolicy {
  /** Sessions without a KEM (session version 3). Default false. */
  readonly allowX3dh: boolean;
  /**
   * - `required`: post-quantum ratchet, min version 1 (default)
   * - `optional`: offered with min version 0; a peer without it is accepted
   * - `off`: never offered
   */
  readonly pqRatchet: PqPolicy;
}

export const DEFAULT_POLICY: HandshakePolicy = { allowX3dh: false, pqRatchet: 'required' };
