import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { toolEnvironment } from '../../src/lab/tools.js';

const execute = promisify(execFile);

/** The line of a failed program's output that says why: the first error, else the last line. */
export function tellingLine(output: string): string | undefined {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return (lines.find((line) => /\berror\b/i.test(line)) ?? lines.at(-1))?.trim();
}

/**
 * What a program says about itself.
 * @returns all that it prints, however it ends; nothing where it cannot be run
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
