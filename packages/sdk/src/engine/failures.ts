import { ERROR_CODES, type ErrorCode } from '@sotto/protocol';

import type { ConnectionStatus } from '../history/connection-status.js';
import { RelayError } from '../network/relay-error.js';
import { StorageError } from '../storage/storage-error.js';
import { VaultConflict } from './context.js';
import { TokenError } from './tokens.js';

/** Another engine leads: the vault says so, or the relay. */
export function isSuperseded(error: unknown): boolean {
  if (error instanceof VaultConflict) return error.reason === 'superseded';
  return error instanceof RelayError && error.code === 'superseded';
}

const NEEDS_DEVICE: ReadonlySet<string> = new Set<ErrorCode>([
  'needs-device',
  'reset-refused',
  'link-token-invalid',
  'identity-mismatch',
  'device-limit',
]);

/** Refusals that no waiting mends. */
export function restingStatus(error: unknown): ConnectionStatus | null {
  if (error instanceof StorageError && error.code === 'keys-lost') return { state: 'storage-failed', code: error.code };
  if (error instanceof TokenError && error.code === 'wrong-user') return { state: 'signed-out', code: 'wrong-user' };
  if (!(error instanceof RelayError) || error.code === 'network') return null;
  if (NEEDS_DEVICE.has(error.code)) {
    return { state: 'needs-device', code: error.code === 'needs-device' ? null : error.code, publicKey: null };
  }
  return ERROR_CODES[error.code].retry === 'never' ? { state: 'signed-out', code: error.code } : null;
}

/** What the rest, which is tried again, is called. */
export function transientCode(error: unknown): ErrorCode | 'network' | 'token-failed' {
  if (error instanceof TokenError) return 'token-failed';
  return error instanceof RelayError ? error.code : 'internal';
}
