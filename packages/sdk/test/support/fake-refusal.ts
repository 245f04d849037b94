import type { ErrorBody, ErrorCode } from '@sotto/protocol';

import { RelayError } from '../../src/network/relay-error.js';

const MESSAGE = 'the fake relay refuses';

/** What it says when it refuses. */
export const refusal = (code: ErrorCode): ErrorBody => ({ code, message: MESSAGE });

/** The same, to be thrown. */
export const refuse = (code: ErrorCode): RelayError => new RelayError(refusal(code));
