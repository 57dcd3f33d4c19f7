import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { toolEnvironment } from '../../src/lab/tools.js';

const execute = promisify(execFile);

/** Returns the line of a program's output with the reason of its failure: an error, or the last. */
export function tellingLine(output: string): string | undefined {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return (lines.find((line) => /\berror\b/i.test(line)) ?? lines.at(-1))?.trim();
}

/**
 * Runs a program to its end.
 * @returns its standard output and standard error, also if it fails; empty if it cannot be run
 */
export async function outputOf(program: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await execute(program, args, { env: toolEnvironment() });
    return stdout + stderr;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return stdout + stderr;
  }
}
