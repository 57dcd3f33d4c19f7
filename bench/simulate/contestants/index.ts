import type { ContestantEntry } from './contestant.js';
import { direct } from './direct.js';
import { nearestByPlace, nearestByRtt } from './nearest.js';
import { startOracle, staticOracle } from './oracle.js';
import { randomPair } from './random-pair.js';
import { topK } from './top-k.js';
import { via, viaOnBudget } from './via.js';

/** All contestants, in the order of the report. */
export const CONTESTANTS: readonly ContestantEntry[] = [
  direct,
  randomPair,
  nearestByPlace,
  nearestByRtt,
  topK(4),
  topK(8),
  topK(16),
  via,
  viaOnBudget,
  staticOracle,
  startOracle,
];
