import { isTurnpikeError } from '../../src/errors.js';

/** A parser to run with arbitrary bytes. */
export interface FuzzTarget {
  readonly name: string;
  /** What it parses, in a line. */
  readonly about: string;
  /** Valid inputs to start with. */
  readonly seeds: () => readonly Uint8Array[];
  /** Words of the parser's grammar, which are inserted into inputs. */
  readonly words?: readonly string[];
  /**
   * Parses an input and checks properties of the result.
   * @returns the outcome as a word; an input with a new outcome is kept and mutated further
   * @throws any error if a property does not hold
   */
  readonly run: (input: Uint8Array) => string;
}

/** Runs a parser that throws. @returns `ok`, or the code of its TurnpikeError */
export function outcomeOf(action: () => unknown): string {
  try {
    action();
    return 'ok';
  } catch (error) {
    if (isTurnpikeError(error)) return error.code;
    throw error;
  }
}

/** Throws an error with these words if a property does not hold. */
export function assertThat(holds: boolean, words: string): void {
  if (!holds) throw new Error(words);
}

export function textOf(input: Uint8Array): string {
  return Buffer.from(input).toString('utf8');
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

/** Parses JSON. @returns undefined if it is invalid */
export function jsonOf(input: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(textOf(input)) };
  } catch {
    return undefined;
  }
}
