import { join } from 'node:path';
import { ROOT } from '../house/source-files.js';

const LOCK = join(ROOT, 'build', 'bench-turn.lock');

/**
 * A command of a bench that waits until it disturbs no other test's: floods are bound to a CPU, and
 * what is measured on the same CPU meanwhile gets next to nothing of it.
 * @param kind - `floods` run alone, what `measures` beside its like
 * @returns the program and its arguments; its process becomes that of the bench
 */
export function inTurn(
  kind: 'floods' | 'measures',
  argv: readonly string[],
): [program: string, args: string[]] {
  const mode = kind === 'floods' ? '--exclusive' : '--shared';
  return ['flock', [mode, '--no-fork', LOCK, ...argv]];
}
