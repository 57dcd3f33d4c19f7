/**
 * HalfSipHash-2-4 with 64 bits of output, over three 32-bit words. A keyed hash: without the key
 * nobody can aim collisions. Its 32-bit steps are fast in JavaScript. Source: Aumasson and
 * Bernstein, "SipHash: a fast short-input PRF", and their reference code.
 */
export class HalfSipHash {
  readonly #k0: number;
  readonly #k1: number;
  /** The two words of the newest hash. */
  low = 0;
  high = 0;

  /** @param key - 8 bytes */
  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, 8);
    this.#k0 = view.getInt32(0, true);
    this.#k1 = view.getInt32(4, true);
  }

  /** Hashes three little-endian words (12 bytes) into `low` and `high`. */
  hash(a: number, b: number, c: number): void {
    const k0 = this.#k0;
    const k1 = this.#k1;
    const state: State = { v0: k0, v1: k1 ^ 0xee, v2: 0x6c796765 ^ k0, v3: 0x74656462 ^ k1 };
    absorb(state, a);
    absorb(state, b);
    absorb(state, c);
    absorb(state, INPUT_BYTES << 24);
    state.v2 ^= 0xee;
    rounds(state, 4);
    this.low = (state.v1 ^ state.v3) >>> 0;
    state.v1 ^= 0xdd;
    rounds(state, 4);
    this.high = (state.v1 ^ state.v3) >>> 0;
  }
}

interface State {
  v0: number;
  v1: number;
  v2: number;
  v3: number;
}

const INPUT_BYTES = 12;

function absorb(state: State, word: number): void {
  state.v3 ^= word;
  rounds(state, 2);
  state.v0 ^= word;
}

function rounds(state: State, count: number): void {
  let { v0, v1, v2, v3 } = state;
  for (let i = 0; i < count; i += 1) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  state.v0 = v0;
  state.v1 = v1;
  state.v2 = v2;
  state.v3 = v3;
}
