import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { emptyMovedBuild } from '../../test/setup/cpp-tests.js';
import { missingText, missingTools } from '../../test/setup/system-packages.js';
import { BPF_TOOLS, RIG_TOOLS, TURN_CLIENT_TOOLS } from '../../test/setup/system-tools.js';
import { noteBpfBuild } from './bpf-tools.js';
import { tellingLine } from './program-output.js';
import { ROOT, TOOLS_FOLDER } from './programs.js';
import { noteTurnClientBuild } from './turn-client-tool.js';

let reflectorFailure: string | undefined;

/** Returns why the reflectors cannot be measured; undefined if their program is built. */
export function reflectorObstacle(): string | undefined {
  return reflectorFailure;
}

/** Runs a command under a lock, because tests that run in parallel build the same folder. */
function run(argv: readonly string[]): void {
  const alone = ['flock', join(TOOLS_FOLDER, 'lock'), ...argv];
  const [program = '', ...rest] = alone;
  const { status, stdout, stderr, error } = spawnSync(program, rest, { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`${program} cannot be run: ${error.message}`);
  if (status === 0) return;
  const output = `${stdout}${stderr}`;
  throw new Error(tellingLine(output) ?? `${argv[0]} ended with ${status}`, { cause: output });
}

/** Builds targets. @throws Error of one line, whose cause is the whole output */
function build(what: string, targets: readonly string[]): void {
  try {
    run(['cmake', '--build', TOOLS_FOLDER, '--parallel', '2', '--target', ...targets]);
  } catch (error) {
    const { message, cause } = error as Error;
    throw new Error(`${what} cannot be built: ${message}`, { cause });
  }
}

/** Builds a target. @returns why it failed, in one line; undefined if it did not */
function tryToBuild(what: string, target: string): string | undefined {
  try {
    build(what, [target]);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * Builds the rig's own programs; quick when nothing has changed. If the program of some contestants
 * fails to build, only these contestants are left out.
 * @throws Error of one line if a program that every measurement needs cannot be built: missing
 *   tools, or the compiler's error
 */
export function buildTools(): void {
  const missing = missingTools(RIG_TOOLS);
  if (missing.length > 0) throw new Error(missingText(missing));
  mkdirSync(TOOLS_FOLDER, { recursive: true });
  const source = join(ROOT, 'bench/load/tools');
  emptyMovedBuild(TOOLS_FOLDER, source);
  run(['cmake', '-S', source, '-B', TOOLS_FOLDER]);
  build("the rig's own programs", ['generator', 'sink', 'cpu_time']);
  reflectorFailure = tryToBuild('the reflector', 'reflector');
  const withTurnClient = missingTools(TURN_CLIENT_TOOLS).length === 0;
  noteTurnClientBuild(withTurnClient ? tryToBuild('the TURN client', 'turn_client') : undefined);
  const withBpf = missingTools(BPF_TOOLS).length === 0;
  noteBpfBuild(withBpf ? tryToBuild("the rig's BPF programs", 'bpf') : undefined);
}
