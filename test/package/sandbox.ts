import { execFile } from 'node:child_process';
import { mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCommand } from '../setup/system-packages.js';

/** The project's root folder. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Programs that installing and running need if nothing is compiled. */
const PLAIN_TOOLS = ['sh', 'env', 'cat', 'cp', 'dirname', 'ls', 'mkdir', 'readlink', 'rm', 'uname'];

/** Environment variables of the outer npm that the inner one does not inherit. */
const OUTER_NPM =
  /^(npm_(?!config_(registry|cache|cafile|proxy|https_proxy)$)|INIT_CWD|NODE_OPTIONS)/;

/** The exit status of a command and all its output. */
export interface Outcome {
  readonly status: number;
  readonly output: string;
}

/**
 * A folder to install packages into, as the project of a user. It has no settings of this checkout,
 * and Node's headers come only from this machine.
 */
export class Sandbox {
  readonly folder: string;
  readonly #path: string;

  /**
   * @param folder - created
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

  /** Installs tarballs, with third-party packages from npm's cache if it has them. */
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
      // node-gyp can download no headers and finds none of earlier builds.
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
 * Makes a folder for PATH with Node, npm and the plain tools, but no compiler.
 * @param folder - created
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
