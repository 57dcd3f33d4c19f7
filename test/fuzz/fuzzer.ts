import { Mutator, type Random } from './mutation.js';
import type { FuzzTarget } from './target.js';

/** An input that broke a parser. */
export interface Fault {
  readonly input: Uint8Array;
  readonly error: Error;
}

export interface FuzzResult {
  readonly runs: number;
  /** Inputs with a new outcome, to add to the corpus. */
  readonly found: readonly Uint8Array[];
  readonly fault?: Fault;
}

export interface FuzzOptions {
  readonly seconds: number;
  readonly random: Random;
  /** The inputs of the corpus. */
  readonly corpus: readonly Uint8Array[];
}

export const INPUT_BYTES_MAX = 4_096;
/** Time for one input beyond which it could stop a service. */
const SLOW_MS = 500;
const SLOW_TRIES = 4;
/** Inputs between two reads of the clock. */
const TURN = 64;
const POOL_MAX = 512;

/**
 * Mutates inputs at random and keeps those with a new outcome, until the time is over or an input
 * breaks the target.
 */
export function fuzz(target: FuzzTarget, options: FuzzOptions): FuzzResult {
  const { seconds, random, corpus } = options;
  const mutator = new Mutator(random, target.words ?? [], INPUT_BYTES_MAX);
  const pool: Uint8Array[] = [];
  const outcomes = new Set<string>();
  const found: Uint8Array[] = [];
  let runs = 0;
  let fault: Fault | undefined;
  const tryOut = (input: Uint8Array): boolean => {
    runs += 1;
    const outcome = outcomeWithin(target, input);
    if (typeof outcome !== 'string') {
      fault = { input, error: outcome };
      return false;
    }
    if (outcomes.has(outcome)) return false;
    outcomes.add(outcome);
    return true;
  };
  for (const input of [...corpus, ...target.seeds()]) {
    tryOut(input);
    if (fault !== undefined) return { runs, found, fault };
    pool.push(input);
  }
  const pick = () => pool[Math.floor(random() * pool.length)] ?? new Uint8Array();
  const endsAt = performance.now() + seconds * 1_000;
  do {
    for (let turn = 0; turn < TURN; turn++) {
      const input = mutator.change(pick(), pick());
      if (!tryOut(input)) {
        if (fault !== undefined) return { runs, found, fault: shrunkFault(target, fault) };
        continue;
      }
      found.push(shrunk(target, input));
      if (pool.length < POOL_MAX) pool.push(input);
    }
  } while (performance.now() < endsAt);
  return { runs, found };
}

/** Runs an input, again if it was slow. @returns its outcome, or the error with which it broke */
function outcomeWithin(target: FuzzTarget, input: Uint8Array): string | Error {
  let fastestMs = Number.POSITIVE_INFINITY;
  let outcome = '';
  for (let tried = 0; tried < SLOW_TRIES && fastestMs > SLOW_MS; tried++) {
    const startedAt = performance.now();
    try {
      outcome = target.run(input);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
    fastestMs = Math.min(fastestMs, performance.now() - startedAt);
  }
  return fastestMs > SLOW_MS ? new Error(`took ${fastestMs.toFixed(0)} ms`) : outcome;
}

/** Shortens an input by leaving out pieces while the outcome stays the same. */
function shrunk(target: FuzzTarget, input: Uint8Array): Uint8Array {
  const wanted = outcomeWithin(target, input);
  return shorten(input, (shorter) => outcomeWithin(target, shorter) === wanted);
}

function shrunkFault(target: FuzzTarget, { input, error }: Fault): Fault {
  const shortest = shorten(input, (shorter) => {
    const outcome = outcomeWithin(target, shorter);
    return outcome instanceof Error && outcome.name === error.name;
  });
  return { input: shortest, error };
}

function shorten(input: Uint8Array, serves: (shorter: Uint8Array) => boolean): Uint8Array {
  let shortest = input;
  for (let piece = input.length >> 1; piece >= 1; piece >>= 1) {
    for (let at = 0; at < shortest.length; ) {
      const shorter = Uint8Array.from([
        ...shortest.subarray(0, at),
        ...shortest.subarray(at + piece),
      ]);
      if (serves(shorter)) shortest = shorter;
      else at += piece;
    }
  }
  return shortest;
}
