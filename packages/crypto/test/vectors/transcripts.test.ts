import { describe, test } from 'vitest';
import { vectors } from '../support/json.js';
import { replay, type Transcript } from '../support/transcript.js';

describe('recorded sessions with the official library, byte for byte', () => {
  const doubleRatchet = vectors<{ transcripts: Transcript[] }>('gen-transcript-dr-0.72.1').transcripts;
  test.each(doubleRatchet)('Double Ratchet with $peerVersion as $role', replay);
});
