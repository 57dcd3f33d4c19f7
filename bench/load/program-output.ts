import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { toolEnvironment } from '../../src/lab/tools.js';

const execute = promisify(execFile);

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
