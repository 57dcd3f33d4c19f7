import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SEARCH_PATH } from '../../src/lab/tools.js';

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
