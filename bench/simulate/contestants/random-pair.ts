import { Random } from '../random.js';
import type { ContestantEntry } from './contestant.js';

/** Two regions by chance. */
export const randomPair: ContestantEntry = {
  name: 'random',
  title: 'two random relays',
  make: ({ world, seed, relays }) => {
    const random = new Random(seed);
    return {
      choose: ({ atMs }) =>
        relays.drawPair(
          random.index(world.regions.length),
          random.index(world.regions.length),
          atMs,
        ),
    };
  },
};
