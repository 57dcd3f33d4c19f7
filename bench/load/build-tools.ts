import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, TOOLS_FOLDER } from './programs.js';

function run(argv: readonly string[]): void {
  const [program = '', ...rest] = argv;
  const { status, stdout, stderr, error } = spawnSync(program, rest, { encoding: 'utf8' });
  if (error !== undefined) {
    throw new Error(
      `${program} cannot be run (${error.message}): apt-get install cmake make g++ util-linux`,
    );
  }
  if (status !== 0) throw new Error(`${argv.join(' ')} failed:\n${stdout}${stderr}`);
}

/**
 * Builds the rig's own programs; quick when nothing has changed.
 * @throws Error with the compiler's output, or what to install
 */
export function buildTools(): void {
  const source = join(ROOT, 'bench/load/tools');
  // One at a time: tests that run side by side build the same folder.
  mkdirSync(TOOLS_FOLDER, { recursive: true });
  const alone = ['flock', join(TOOLS_FOLDER, 'lock')];
  run([...alone, 'cmake', '-S', source, '-B', TOOLS_FOLDER]);
  run([...alone, 'cmake', '--build', TOOLS_FOLDER, '--parallel', '2']);
}
