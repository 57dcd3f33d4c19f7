import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './sandbox.js';

/** The tarballs of one build, as they would be published. */
export interface Tarballs {
  /** The main package, which names its platform packages. */
  readonly main: string;
  /** The addon for this platform. */
  readonly platform: string;
  /** Its name. */
  readonly platformName: string;
  /** The main package as in the repository, which names no platform packages. */
  readonly source: string;
}

/** The output of `npm pack --json` for a tarball. */
export interface Packed {
  readonly name: string;
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/**
 * Runs `npm pack` without scripts, which would build in the checkout that other tests use.
 * @param folder - folder of the package
 * @param options - further options of `npm pack`
 */
export function pack(folder: string, options: readonly string[]): Packed {
  const args = ['pack', '--json', '--ignore-scripts', '--loglevel=error', ...options];
  const [packed] = JSON.parse(execFileSync('npm', args, { cwd: folder, encoding: 'utf8' }));
  return packed;
}

/**
 * Builds the packages and packs them.
 * @param folder - folder in which the packages and the tarballs are created
 */
export function makeTarballs(folder: string): Tarballs {
  const packages = join(folder, 'packages');
  const prebuild = ['--import', 'tsx', join(ROOT, 'native/prebuild.mjs'), packages];
  execFileSync(process.execPath, prebuild, {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const platformFolder = readdirSync(packages).find((name) => name !== 'turnpike') ?? '';
  const packed = (source: string, name: string) => {
    const destination = join(folder, 'tarballs', name);
    mkdirSync(destination, { recursive: true });
    const made = pack(source, [`--pack-destination=${destination}`]);
    return { name: made.name, path: join(destination, made.filename) };
  };
  const platform = packed(join(packages, platformFolder), 'platform');
  return {
    main: packed(join(packages, 'turnpike'), 'main').path,
    platform: platform.path,
    platformName: platform.name,
    source: packed(ROOT, 'source').path,
  };
}

/** Returns whether an npm registry answers; npm's cache alone has no lists of versions. */
export function registryAnswers(): boolean {
  const args = ['view', 'node-addon-api', 'version', '--fetch-retries=0', '--fetch-timeout=20000'];
  return spawnSync('npm', args, { stdio: 'ignore' }).status === 0;
}
