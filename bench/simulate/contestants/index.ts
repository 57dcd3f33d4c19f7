import type { ContestantEntry } from './contestant.js';
import { direct } from './direct.js';
import { former } from './former.js';
import { nearestByPlace, nearestByRtt } from './nearest.js';
import { startOracle, staticOracle } from './oracle.js';
import { randomPair } from './random-pair.js';
import { topK } from './top-k.js';
import { TURNPIKE_PARTS, turnpike } from './turnpike/entries.js';
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
  former,
  turnpike,
  staticOracle,
  startOracle,
];

/** Contestants that take part only if they are asked for, beside the usual ones. */
export const ALL_CONTESTANTS: readonly ContestantEntry[] = [...CONTESTANTS, ...TURNPIKE_PARTS];
