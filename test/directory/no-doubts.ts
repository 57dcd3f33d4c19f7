import type { RelayDoubts } from '../../src/directory/reachability/doubts.js';

/** The view of a directory to which nobody has reported anything. */
export const NO_DOUBTS: RelayDoubts = {
  relayDoubt: () => 'none',
  addressDoubt: () => 'none',
  reach: () => true,
};
