import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { missingText, missingTools } from '../../test/setup/system-packages.js';
import { BPF_TOOLS, RIG_TOOLS } from '../../test/setup/system-tools.js';
import { noteBpfBuild } from './bpf-tools.js';
import { ROOT, TOOLS_FOLDER } from './programs.js';

/** One at a time: tests that run side by side build the same folder. */
function run(argv: readonly string[]): void {
  const alone = ['flock', join(TOOLS_FOLDER, 'lock'), ...argv];
  const [program = '', ...rest] = alone;
  const { status, stdout, stderr, error } = spawnSync(program, rest, { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`${program} cannot be run: ${error.message}`);
  if (status !== 0) throw new Error(`${argv.join(' ')} failed:\n${stdout}${stderr}`);
}

function build(target: string): void {
  run(['cmake', '--build', TOOLS_FOLDER, '--parallel', '2', '--target', target]);
}

/** Their failure costs those who need them, and not the run. */
function buildBpfPrograms(): void {
  noteBpfBuild(undefined);
  if (missingTools(BPF_TOOLS).length > 0) return;
  try {
    build('bpf');
  } catch (error) {
    const lines = (error as Error).message.split('\n');
    const telling = lines.find((line) => /error/i.test(line)) ?? lines[0];
    noteBpfBuild(`the rig's BPF programs cannot be built: ${telling}`);
  }
}

/**
 * Builds the rig's own programs; quick when nothing has changed.
 * @throws Error that names what is missing for them, or has the compiler's output
 */
export function buildTools(): void {
  const missing = missingTools(RIG_TOOLS);
  if (missing.length > 0) throw new Error(missingText(missing));
  mkdirSync(TOOLS_FOLDER, { recursive: true });
  run(['cmake', '-S', join(ROOT, 'bench/load/tools'), '-B', TOOLS_FOLDER]);
  build('rig');
  buildBpfPrograms();
}
