const MASK = (1n << 64n) - 1n;

const rotate = (value: bigint, bits: bigint): bigint =>
  ((value << bits) | (value >> (64n - bits))) & MASK;

/** The four words of the state. */
type State = [bigint, bigint, bigint, bigint];

function round([v0, v1, v2, v3]: State): State {
  let [a, b, c, d] = [(v0 + v1) & MASK, v1, (v2 + v3) & MASK, v3];
  b = rotate(b, 13n) ^ a;
  d = rotate(d, 16n) ^ c;
  a = rotate(a, 32n);
  c = (c + b) & MASK;
  a = (a + d) & MASK;
  b = rotate(b, 17n) ^ c;
  d = rotate(d, 21n) ^ a;
  return [a, b, rotate(c, 32n), d];
}

function compress(state: State, word: bigint): State {
  state[3] ^= word;
  const next = round(round(state));
  next[0] ^= word;
  return next;
}

/**
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012). Not for
 * the packet path: the data plane has its own.
 * @param key - 16 bytes
 * @param message - the bytes to hash
 * @returns 8 bytes, in the reference code's order
 */
export function sipHash24(key: Uint8Array, message: Uint8Array): Uint8Array {
  const keyView = new DataView(key.buffer, key.byteOffset, 16);
  const k0 = keyView.getBigUint64(0, true);
  const k1 = keyView.getBigUint64(8, true);
  let state: State = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  // The last word holds the remaining bytes and, in its top byte, the length.
  const words = new DataView(new ArrayBuffer((Math.floor(message.length / 8) + 1) * 8));
  new Uint8Array(words.buffer).set(message);
  words.setUint8(words.byteLength - 1, message.length & 0xff);
  for (let offset = 0; offset < words.byteLength; offset += 8) {
    state = compress(state, words.getBigUint64(offset, true));
  }
  state[2] ^= 0xffn;
  for (let i = 0; i < 4; i++) state = round(state);
  const hash = new DataView(new ArrayBuffer(8));
  hash.setBigUint64(0, state[0] ^ state[1] ^ state[2] ^ state[3], true);
  return new Uint8Array(hash.buffer);
}
