/**
 * SHA-256 (FIPS 180-4) laid out for HMAC and HKDF: hash states are 8 words that can be kept and resumed, and nothing is
 * allocated while hashing. A ratchet step is some thirty compressions of secret, short inputs; objects per hash cost
 * more than the hashing. Tests compare it with @noble/hashes on random inputs.
 *
 * The scratch space is shared, which is sound because every function here runs to its end without calling out.
 */

/** Eight 32-bit words. */
export type HashState = Int32Array;

// prettier-ignore
const K = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

/** FIPS 180-4 §5.3.3. */
export const INITIAL_STATE: HashState = new Int32Array([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

const BLOCK_LENGTH = 64;
const W = new Int32Array(64);
const block = new Uint8Array(BLOCK_LENGTH);
const blockView = new DataView(block.buffer);

/** Indices are always in range; the type checker cannot know. */
const word = (words: Int32Array, index: number): number => words[index] ?? 0;

const rotr = (value: number, by: number): number => (value << (32 - by)) | (value >>> by);

/** The first 16 words of the schedule from 64 bytes. */
function loadWords(view: DataView, offset: number): void {
  for (let t = 0; t < 16; t++) W[t] = view.getInt32(offset + 4 * t);
}

/** One block, whose 16 words are in the schedule, into `state` (FIPS 180-4 §6.2). */
function compress(state: HashState): void {
  for (let t = 16; t < 64; t++) {
    const w15 = word(W, t - 15);
    const w2 = word(W, t - 2);
    const s0 = rotr(w15, 7) ^ rotr(w15, 18) ^ (w15 >>> 3);
    const s1 = rotr(w2, 17) ^ rotr(w2, 19) ^ (w2 >>> 10);
    W[t] = (s1 + word(W, t - 7) + s0 + word(W, t - 16)) | 0;
  }
  let a = word(state, 0);
  let b = word(state, 1);
  let c = word(state, 2);
  let d = word(state, 3);
  let e = word(state, 4);
  let f = word(state, 5);
  let g = word(state, 6);
  let h = word(state, 7);
  for (let t = 0; t < 64; t++) {
    const big1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    const t1 = (h + big1 + ((e & f) ^ (~e & g)) + word(K, t) + word(W, t)) | 0;
    const big0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    const t2 = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] = word(state, 0) + a;
  state[1] = word(state, 1) + b;
  state[2] = word(state, 2) + c;
  state[3] = word(state, 3) + d;
  state[4] = word(state, 4) + e;
  state[5] = word(state, 5) + f;
  state[6] = word(state, 6) + g;
  state[7] = word(state, 7) + h;
}

/** @returns 32 bytes */
export function sha256(input: Uint8Array): Uint8Array {
  const state = INITIAL_STATE.slice();
  hashInto(state, 0, [input]);
  const digest = new Uint8Array(32);
  writeDigest(state, digest, 0);
  return digest;
}

/** Sets `state` to the hash state after one block: 16 words, each XORed with `pad` (the pads of HMAC). */
export function startWithPad(state: HashState, words: Int32Array, pad: number): void {
  state.set(INITIAL_STATE);
  for (let t = 0; t < 16; t++) W[t] = word(words, t) ^ pad;
  compress(state);
}

/**
 * Hashes `parts` to the end, continuing `state`, which already took `hashed` bytes (a multiple of 64). The digest is
 * left in `state`.
 */
export function hashInto(state: HashState, hashed: number, parts: readonly Uint8Array[]): void {
  let total = hashed;
  let filled = 0;
  for (const part of parts) {
    total += part.length;
    filled = absorb(state, part, filled);
  }
  block[filled++] = 0x80;
  if (filled > 56) {
    block.fill(0, filled);
    loadWords(blockView, 0);
    compress(state);
    filled = 0;
  }
  block.fill(0, filled, 56);
  blockView.setUint32(56, Math.floor(total / 0x2000_0000));
  blockView.setUint32(60, total << 3);
  loadWords(blockView, 0);
  compress(state);
}

/** Compresses the whole blocks of (what `block` holds || part); returns how many bytes `block` holds after. */
function absorb(state: HashState, part: Uint8Array, filled: number): number {
  let at = 0;
  let held = filled;
  if (held > 0) {
    at = Math.min(BLOCK_LENGTH - held, part.length);
    block.set(at === part.length ? part : part.subarray(0, at), held);
    held += at;
    if (held < BLOCK_LENGTH) return held;
    loadWords(blockView, 0);
    compress(state);
    held = 0;
  }
  if (part.length - at >= BLOCK_LENGTH) {
    const view = new DataView(part.buffer, part.byteOffset, part.length);
    for (; part.length - at >= BLOCK_LENGTH; at += BLOCK_LENGTH) {
      loadWords(view, at);
      compress(state);
    }
  }
  if (at === part.length) return 0;
  block.set(at === 0 ? part : part.subarray(at), 0);
  return part.length - at;
}

/** Writes the words of a digest as 32 big-endian bytes. */
export function writeDigest(state: HashState, out: Uint8Array, offset: number): void {
  for (let i = 0, at = offset; i < 8; i++, at += 4) {
    const value = word(state, i);
    out[at] = value >>> 24;
    out[at + 1] = value >>> 16;
    out[at + 2] = value >>> 8;
    out[at + 3] = value;
  }
}

/** Forgets the last inputs. */
export function wipeScratch(): void {
  W.fill(0);
  block.fill(0);
}
