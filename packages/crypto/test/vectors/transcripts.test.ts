import { describe, test } from 'vitest';
import { vectors } from '../support/json.js';
import { replay, type Transcript } from '../support/transcript.js';

describe('recorded sessions with the official library, byte for byte', () => {
  const doubleRatchet = (vectors('gen-transcript-dr-0.72.1') as { transcripts: Transcript[] }).transcripts;
  test.each(doubleRatchet)('Double Ratchet with $peerVersion as $role', replay);

  const optional = (vectors('gen-transcript-spqr-0.83.0-optional') as { transcripts: Transcript[] }).transcripts;
  test.each(optional)('Triple Ratchet negotiated with $peerVersion as $role', replay);

  test('Triple Ratchet with 0.103.0 as alice, four epochs', () => {
    replay((vectors('gen-transcript-spqr-0.103.0-alice') as { transcript: Transcript }).transcript);
  });
});
