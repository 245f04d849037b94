/**
 * - `key-exists`: `add` met a row with that key.
 * - `storage-full`: the quota is used up; the transaction did not happen.
 * - `storage-failed`: the browser refused or broke the database.
 * - `keys-lost`: the vault has no keys, or damaged ones, while the history remembers that this device had some.
 * - `storage-closed`: it was closed here, or deleted from another tab.
 */
export type StorageErrorCode = 'key-exists' | 'storage-full' | 'storage-failed' | 'keys-lost' | 'storage-closed';

export class StorageError extends Error {
  override readonly name = 'StorageError';

  constructor(
    readonly code: StorageErrorCode,
    options?: ErrorOptions,
  ) {
    super(code, options);
  }
}

const CODES: Readonly<Record<string, StorageErrorCode>> = {
  ConstraintError: 'key-exists',
  QuotaExceededError: 'storage-full',
  InvalidStateError: 'storage-closed',
  AbortError: 'storage-failed',
  UnknownError: 'storage-failed',
  VersionError: 'storage-failed',
  SecurityError: 'storage-failed',
  NotFoundError: 'storage-failed',
  TransactionInactiveError: 'storage-failed',
};

/** Translates what IndexedDB throws; everything else, such as an error of the transaction's own work, passes. */
export function translateStorageError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StorageError) return error;
  const code = CODES[error.name];
  return code ? new StorageError(code, { cause: error }) : error;
}
