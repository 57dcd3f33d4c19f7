import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const COMPILED = join(ROOT, 'build', 'test-programs');

/** Programs that tests start often, relative to the root. */
const PROGRAMS = [
  'bench/abuse/attacker-process.ts',
  'bench/abuse/directory-process.ts',
  'bench/abuse/victim-process.ts',
  'bench/load/contestants/turnpike-relay.ts',
  'bench/setup/relay-process.ts',
  'test/cli/programs/chatty.ts',
  'test/e2e/programs/beat-recorder.ts',
  'test/e2e/programs/peer-agent.ts',
  'test/e2e/programs/tcp-forward.ts',
  'test/lab/programs/udp-agent.ts',
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
    entryPoints: PROGRAMS,
    outbase: '.',
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
 * Returns a program of PROGRAMS as `npm test` compiled it; undefined where it did not, and outside
 * of `npm test`, as the source may be newer.
 * @param program - path of the source
 */
export function compiledProgram(program: string): string | undefined {
  if (process.env.TURNPIKE_TESTS_COMPILED === undefined) return undefined;
  const compiled = join(COMPILED, relative(ROOT, program).replace(/\.ts$/, '.js'));
  return existsSync(compiled) ? compiled : undefined;
}

/**
 * Returns the arguments of Node that start a program: compiled, it starts in a third of the time.
 * @param program - path of the source
 */
export function programArguments(program: string): string[] {
  const compiled = compiledProgram(program);
  return compiled === undefined ? ['--import', import.meta.resolve('tsx'), program] : [compiled];
}
