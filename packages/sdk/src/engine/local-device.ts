import type { KeyPair, LocalParty } from '@sotto/crypto';
import type { Aci, DeviceId, RegistrationId } from '@sotto/protocol';

/** This device, once it is registered. */
export interface LocalDevice {
  readonly app: string;
  readonly userName: string;
  readonly user: Aci;
  readonly device: DeviceId;
  readonly registration: RegistrationId;
  /** 32 bytes; goes only into the handshake payload and the device header. */
  readonly secret: Uint8Array;
  readonly signingKeyPair: KeyPair;
  readonly party: LocalParty;
}
