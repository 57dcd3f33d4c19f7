import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { SEARCH_PATH } from '../../src/lab/tools.js';

const execute = promisify(execFile);

/**
 * Finds a program on the PATH or among the administrator's.
 * @returns its path; undefined when this machine has none
 */
export function findProgram(name: string): string | undefined {
  return SEARCH_PATH.split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * What a program says about itself.
 * @returns all that it prints, however it ends; nothing where it cannot be run
 */
export async function outputOf(program: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await execute(program, args);
    return stdout + stderr;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return stdout + stderr;
  }
}
