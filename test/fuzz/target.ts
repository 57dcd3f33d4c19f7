import { isTurnpikeError } from '../../src/errors.js';

/** A parser under any bytes. */
export interface FuzzTarget {
  readonly name: string;
  /** What it reads, in a line. */
  readonly about: string;
  /** Inputs to begin with: right ones. */
  readonly seeds: () => readonly Uint8Array[];
  /** What is put into inputs now and then: words and numbers that the parser knows. */
  readonly words?: readonly string[];
  /**
   * Parses an input and checks what must hold of the outcome.
   * @returns a word for what became of it: inputs with a new one are kept, and changed further
   * @throws anything, where something does not hold
   */
  readonly run: (input: Uint8Array) => string;
}

/** What is expected of a parser of text that throws: an error with a code of ours. */
export function outcomeOf(action: () => unknown): string {
  try {
    action();
    return 'ok';
  } catch (error) {
    if (isTurnpikeError(error)) return error.code;
    throw error;
  }
}

/** @throws Error with the words */
export function assertThat(holds: boolean, words: string): void {
  if (!holds) throw new Error(words);
}

export function textOf(input: Uint8Array): string {
  return Buffer.from(input).toString('utf8');
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

/** The value of a JSON text; undefined where it is none. */
export function jsonOf(input: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(textOf(input)) };
  } catch {
    return undefined;
  }
}
