import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { missingText, missingTools } from '../../test/setup/system-packages.js';
import { ADDON_TOOLS } from '../../test/setup/system-tools.js';
import { tellingLine } from './program-output.js';
import { ROOT } from './programs.js';

const BUILT = join(ROOT, 'build', 'Release', 'turnpike.node');
const NATIVE = join(ROOT, 'native');

/** Prints the path of the addon that a relay would load. A child process runs it, not this one. */
const FIND = `console.log(require('./native/locate.cjs').loadAddon().place ?? '')`;

/** Why there is no current addon; null if there is one, undefined before the first check. */
let obstacle: string | null | undefined;

function modifiedMs(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function sources(): string[] {
  const names = readdirSync(NATIVE, { recursive: true, encoding: 'utf8' });
  const native = names.filter((name) => /\.(cc|c|h)$/.test(name) || name === 'sources.json');
  return [join(ROOT, 'binding.gyp'), ...native.map((name) => join(NATIVE, name))];
}

/** Returns whether an addon loads and, if it was built here, is newer than all of its sources. */
export function hasCurrentAddon(): boolean {
  const { stdout } = spawnSync(process.execPath, ['-e', FIND], { cwd: ROOT, encoding: 'utf8' });
  const place = (stdout ?? '').trim();
  if (place !== BUILT) return place !== '';
  const built = modifiedMs(BUILT);
  return sources().every((file) => modifiedMs(file) <= built);
}

/** Compiles the addon if there is no current one. `addonObstacle` has the reason of a failure. */
export function buildAddon(): void {
  obstacle = null;
  if (hasCurrentAddon()) return;
  const missing = missingTools(ADDON_TOOLS);
  if (missing.length > 0) {
    obstacle = `the addon cannot be compiled: ${missingText(missing)}`;
    return;
  }
  const argv = [join(NATIVE, 'install.cjs'), '--compile'];
  const options = { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, options);
  if (status === 0) return;
  const line = tellingLine(`${stdout ?? ''}\n${stderr ?? ''}`) ?? `status ${status}`;
  obstacle = `the addon cannot be compiled: ${line}`;
}

/** Returns why the addon cannot be used; undefined if it is there or can be compiled. */
export function addonObstacle(): string | undefined {
  if (obstacle === undefined) {
    const missing = hasCurrentAddon() ? [] : missingTools(ADDON_TOOLS);
    obstacle = missing.length > 0 ? missingText(missing) : null;
  }
  return obstacle ?? undefined;
}
