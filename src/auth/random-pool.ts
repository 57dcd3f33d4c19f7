import { randomFillSync } from 'node:crypto';
import type { RandomBytes } from '../random.js';

/** Drawn from the system at once. */
const POOL_BYTES = 8_192;

/**
 * The system's randomness, drawn in large pieces: for a transaction id the call costs fifty times
 * what the bytes do. What was handed out is wiped from the pool.
 */
export function pooledRandom(): RandomBytes {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  return (bytes) => {
    if (bytes > POOL_BYTES) return randomFillSync(new Uint8Array(bytes));
    if (used + bytes > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const drawn = new Uint8Array(pool.subarray(used, used + bytes));
    pool.fill(0, used, used + bytes);
    used += bytes;
    return drawn;
  };
}
