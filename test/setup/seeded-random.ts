import { SeededRandom } from '../../src/selection/random.js';

/** Returns a generator of uniform numbers in [0, 1), determined by a seed. */
export function seededRandom(seed: number): () => number {
  const random = new SeededRandom(seed);
  return () => random.next();
}
