import { spawnSync } from 'node:child_process';

/** Options of `run`. */
export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Shows the output only if the command fails. By default it is shown while the command runs. */
  readonly quiet?: boolean;
}

/**
 * Runs a command to its end, without input.
 * @param command - a program on the PATH
 * @param args - its arguments
 * @param options - the environment, and whether to show the output
 * @returns whether it exited with status 0
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): boolean {
  const stream = options.quiet === true ? 'pipe' : 'inherit';
  const result = spawnSync(command, args, {
    env: options.env ?? process.env,
    stdio: ['ignore', stream, stream],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const succeeded = result.status === 0;
  if (!succeeded && options.quiet === true) {
    const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trimEnd();
    if (output !== '') console.log(output);
    const reason = result.error?.message ?? `ended with ${result.status ?? result.signal}`;
    // A command that exited by itself has printed the reason.
    if (output === '' || result.status === null) console.log(`${command}: ${reason}`);
  }
  return succeeded;
}
