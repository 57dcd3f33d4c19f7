import type { ContestantEntry } from '../contestant.js';
import { trueLegs, trueTrunks } from './true-paths.js';
import { Turnpike, type TurnpikeOptions } from './turnpike.js';

function entry(name: string, title: string, options: TurnpikeOptions): ContestantEntry {
  return { name, title, make: (context) => new Turnpike(context, options) };
}

/** Our selection, as the directory and peers run it. */
export const turnpike = entry('turnpike', 'Turnpike', {});

/** What bounds it: one part after the other is replaced by the truth, or left out. */
export const TURNPIKE_PARTS: readonly ContestantEntry[] = [
  entry('part-no-pings', 'Turnpike, whose peers do not ping', { pings: 'none' }),
  entry('part-spread-pings', 'Turnpike, whose peers ping regions spread over all', {
    pings: 'spread',
  }),
  entry('part-near-pings', 'Turnpike, whose peers ping the nearest by history', { pings: 'near' }),
  entry('part-true-trunks', 'Turnpike without pings, true trunks', {
    pings: 'none',
    replaced: (context, made) => ({ trunks: trueTrunks(context, made) }),
  }),
  entry('part-true-legs', 'Turnpike without pings, true legs', {
    pings: 'none',
    replaced: (context, made) => ({ legs: trueLegs(context, made) }),
  }),
  entry('part-true-paths', 'Turnpike with true legs and trunks', {
    pings: 'none',
    replaced: (context, made) => ({
      ...{ trunks: trueTrunks(context, made), legs: trueLegs(context, made) },
    }),
  }),
  entry('part-no-band', 'Turnpike with true legs and trunks, always the best pair', {
    pings: 'none',
    replaced: (context, made) => ({
      ...{ trunks: trueTrunks(context, made), legs: trueLegs(context, made) },
      weights: { bandMs: 0, bandShare: 0, exploreShare: 0, sharedMs: 0 },
    }),
  }),
];
