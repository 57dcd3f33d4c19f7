import { type ContestantEntry, DIRECT } from './contestant.js';

/** No relay: the path that peers have whom no NAT hinders. */
export const direct: ContestantEntry = {
  name: 'direct',
  title: 'direct path, without relays',
  make: () => ({ choose: () => DIRECT }),
};
