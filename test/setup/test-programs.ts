import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const COMPILED = join(ROOT, 'build', 'test-programs');

/** Programs that tests start often, relative to the folder of the tests. */
const PROGRAMS = [
  'cli/programs/chatty.ts',
  'e2e/programs/peer-agent.ts',
  'e2e/programs/tcp-forward.ts',
  'lab/programs/udp-agent.ts',
];

/** What is in src was compiled to dist. */
const SRC_IS_COMPILED: Plugin = {
  name: 'src-is-compiled',
  setup({ onResolve }) {
    onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
      const inSrc = relative(join(ROOT, 'src'), join(resolveDir, path));
      if (inSrc.startsWith('..')) return undefined;
      return { path: pathToFileURL(join(ROOT, 'dist', inSrc)).href, external: true };
    });
  },
};

/** Compiles the programs that tests start often; dist must be up to date. */
export async function compileTestPrograms(): Promise<void> {
  // Test files load this file too, and none of them compiles.
  const { build } = await import('esbuild');
  await build({
    absWorkingDir: ROOT,
    entryPoints: PROGRAMS.map((program) => join('test', program)),
    outbase: 'test',
    outdir: COMPILED,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    plugins: [SRC_IS_COMPILED],
    logLevel: 'error',
  });
}

/**
 * How to start a program of the tests: as `npm test` compiled it, which starts in a third of the
 * time, else from its source.
 * @param program - one of the list in this file, as a path of its source
 * @returns arguments of Node
 */
export function programArguments(program: string): string[] {
  if (process.env.TURNPIKE_TESTS_COMPILED === undefined) return ['--import', 'tsx', program];
  const compiled = relative(join(ROOT, 'test'), program).replace(/\.ts$/, '.js');
  return [join(COMPILED, compiled)];
}
