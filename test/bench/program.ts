import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { ROOT } from '../house/source-files.js';

/**
 * Starts a bench program and collects what it says.
 * @param program - its path in the project
 */
export function startBench(program: string, ...args: readonly string[]) {
  const argv = ['--import', 'tsx', program, ...args];
  const bench = spawn(process.execPath, argv, { cwd: ROOT });
  const said = { out: '', err: '' };
  bench.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.out += text;
  });
  bench.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err += text;
  });
  return { bench, said };
}

/** Waits for the end of a program. @returns its exit code; null if a signal ended it */
export async function endOf(bench: ChildProcess): Promise<number | null> {
  const [code] = await once(bench, 'close');
  return code;
}
