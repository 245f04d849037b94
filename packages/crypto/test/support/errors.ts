import { expect } from 'vitest';
import type { CryptoErrorCode } from '../../src/index.js';

/** Expects `action` to throw a CryptoError with this code. */
export function expectCode(code: CryptoErrorCode, action: () => unknown): void {
  expect(action).toThrow(expect.objectContaining({ name: 'CryptoError', code }));
}
