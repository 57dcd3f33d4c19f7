import { fileURLToPath } from 'node:url';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * `turnpike`, as arguments of Node. Under `npm test`, which compiles it first, it is what was
 * compiled, as that starts in a quarter of the time; else it is the sources.
 */
export const MAIN_PROGRAM: readonly string[] =
  process.env.TURNPIKE_TESTS_COMPILED === undefined
    ? ['--import', 'tsx', at('../../src/cli/main.ts')]
    : [at('../../dist/cli/main.js')];
