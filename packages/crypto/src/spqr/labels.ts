import { ascii, concat } from '../primitives/bytes.js';

/** `P` of spqr.md: the protocol's name, first part of the authenticator's labels. */
const PROTOCOL = ascii('Signal_PQCKA_V1_MLKEM768');

const label = (text: string): Uint8Array => concat(PROTOCOL, ascii(text));

/** Labels of spqr.md 6. */
export const AUTHENTICATOR_UPDATE = label(':Authenticator Update');
export const HEADER_MAC = label(':ekheader');
export const CIPHERTEXT_MAC = label(':ciphertext');
export const EPOCH_SECRET = label(':SCKA Key');

/** Labels of spqr.md 8. The first one really has two spaces. */
export const CHAIN_START = ascii('Signal PQ Ratchet V1 Chain  Start');
export const CHAIN_ADD_EPOCH = ascii('Signal PQ Ratchet V1 Chain Add Epoch');
export const CHAIN_NEXT = ascii('Signal PQ Ratchet V1 Chain Next');
