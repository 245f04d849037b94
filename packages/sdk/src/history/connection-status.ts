import type { ErrorCode } from '@sotto/protocol';

/** What the engine stores of the connection, for every tab to see. `ConnectionState` is its public form. */
export type ConnectionStatus =
  | { readonly state: 'connecting' }
  | { readonly state: 'online'; readonly left: number }
  | {
      readonly state: 'offline';
      readonly retryAt: number | null;
      readonly code: ErrorCode | 'network' | 'token-failed';
    }
  | { readonly state: 'signed-out'; readonly code: ErrorCode | 'wrong-user' }
  | {
      readonly state: 'needs-device';
      /** Why the last try to become one failed. */
      readonly code: ErrorCode | null;
      /** For handing a bundle to the engine that said this. */
      readonly publicKey: Uint8Array | null;
    }
  | { readonly state: 'storage-failed'; readonly code: StorageFailure };

/** `keys-lost`: the history remembers a device whose keys are no longer there, or no longer readable. */
export type StorageFailure = 'storage-full' | 'storage-failed' | 'keys-lost';
