import { randomFillSync } from 'node:crypto';
import type { RandomBytes } from './random.js';

/** Bytes drawn from the system at a time. */
const POOL_BYTES = 8_192;

/**
 * Returns the system's random source with a pool: a system call for each transaction id would cost
 * fifty times as much as its bytes. Bytes that were handed out are erased from the pool.
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
