import { execFile } from 'node:child_process';
import { mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCommand } from '../setup/system-packages.js';

/** The project's root folder. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** All of a system that installing and running needs when nothing is compiled. */
const PLAIN_TOOLS = ['sh', 'env', 'cat', 'cp', 'dirname', 'ls', 'mkdir', 'readlink', 'rm', 'uname'];

/** What npm of the outer run says about itself would mislead the inner one. */
const OUTER_NPM =
  /^(npm_(?!config_(registry|cache|cafile|proxy|https_proxy)$)|INIT_CWD|NODE_OPTIONS)/;

/** How a command ended, and all it wrote. */
export interface Outcome {
  readonly status: number;
  readonly output: string;
}

/**
 * An empty folder to install into, as a stranger's project has it: no settings of this checkout,
 * and Node's headers can come from this machine alone.
 */
export class Sandbox {
  readonly folder: string;
  readonly #path: string;

  /**
   * @param folder - made here
   * @param path - the PATH of every command
   */
  constructor(folder: string, path: string) {
    this.folder = folder;
    this.#path = path;
    mkdirSync(folder, { recursive: true });
    this.write('package.json', JSON.stringify({ private: true, type: 'module' }));
  }

  write(name: string, text: string | Uint8Array): void {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  remove(name: string): void {
    rmSync(join(this.folder, name), { recursive: true });
  }

  /** Installs tarballs, taking third-party packages from npm's cache where it has them. */
  install(tarballs: readonly string[], options: readonly string[] = []): Promise<Outcome> {
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'];
    return this.#run('npm', ['install', ...quiet, ...options, ...tarballs]);
  }

  /** Runs an ES module in the folder. */
  runModule(source: string): Promise<Outcome> {
    this.write('main.mjs', source);
    return this.#run('node', ['main.mjs']);
  }

  /**
   * Runs a program of an installed package.
   * @param input - its standard input
   */
  runProgram(name: string, args: readonly string[], input = ''): Promise<Outcome> {
    return this.#run(join(this.folder, 'node_modules', '.bin', name), args, input);
  }

  /** Runs CommonJS source as `node -e` does. */
  runScript(source: string): Promise<Outcome> {
    return this.#run('node', ['-e', source]);
  }

  #run(command: string, args: readonly string[], input = ''): Promise<Outcome> {
    const inherited = Object.entries(process.env).filter(([name]) => !OUTER_NPM.test(name));
    const env = {
      ...Object.fromEntries(inherited),
      PATH: this.#path,
      // Where node-gyp would download headers from, and where it keeps those of earlier builds.
      npm_config_disturl: 'http://127.0.0.1:9/',
      npm_config_devdir: join(this.folder, 'node-gyp'),
    };
    return new Promise((resolve) => {
      const options = { cwd: this.folder, env, maxBuffer: 64 * 1024 * 1024 };
      const child = execFile(command, args, options, (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ status, output: `${stdout}${stderr}` });
      });
      child.stdin?.end(input);
    });
  }
}

/**
 * Makes a folder that is all of a PATH: Node, npm and a few plain tools, no compiler.
 * @param folder - made here
 * @returns the folder
 */
export function makeToolFolder(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const npm = realpathSync(findCommand('npm') ?? 'npm');
  symlinkSync(process.execPath, join(folder, 'node'));
  symlinkSync(npm, join(folder, 'npm'));
  for (const tool of PLAIN_TOOLS) {
    const path = findCommand(tool);
    if (path !== undefined) {
      symlinkSync(path, join(folder, basename(path)));
    }
  }
  return folder;
}
