import { RelayError } from '../errors.js';
import { StoreError } from '../store/store.js';

/** What is not a refusal of ours is logged, and becomes `unavailable` or `internal` without a detail. */
export function toRefusal(error: unknown, onError: (error: unknown) => void): RelayError {
  if (error instanceof RelayError) {
    if (error.cause !== undefined && error.status >= 500) onError(error.cause);
    return error;
  }
  onError(error);
  const isPassing = error instanceof StoreError && error.code !== 'failed';
  return new RelayError(isPassing ? 'unavailable' : 'internal');
}
