import { PassThrough } from 'node:stream';
import type { CommandIo } from '../../src/cli/command.js';
import { runProgram } from '../../src/cli/program.js';

/** The result of a command line. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line as the program does, in this process, which saves the start-up time. */
export async function turnpike(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const io = { stdin, stdout, stderr, env } as unknown as CommandIo;
  const exitCode = await runProgram(argv, io);
  const text = (stream: PassThrough) => String(stream.read() ?? '');
  return { exitCode, stdout: text(stdout), stderr: text(stderr) };
}
