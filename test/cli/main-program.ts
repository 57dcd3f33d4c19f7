import { fileURLToPath } from 'node:url';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * The arguments with which Node runs `turnpike`. Under `npm test`, which compiles it before, they
 * name the compiled code, as it starts in a quarter of the time; otherwise the source.
 */
export const MAIN_PROGRAM: readonly string[] =
  process.env.TURNPIKE_TESTS_COMPILED === undefined
    ? ['--import', 'tsx', at('../../src/cli/main.ts')]
    : [at('../../dist/cli/main.js')];
