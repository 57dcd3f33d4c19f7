import type { LabHost } from '../../src/lab/index.js';
import type { TestLab } from './test-lab.js';

/** Runs a program in a host until it ends. @returns its exit code and what it has printed */
export async function outputOf(
  lab: TestLab,
  host: LabHost,
  argv: readonly string[],
): Promise<{ readonly code: number | null; readonly output: string }> {
  const running = lab.spawn(host, argv);
  let output = '';
  for (const stream of [running.child.stdout, running.child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += String(chunk);
    });
  }
  const { code } = await running.ended;
  return { code, output };
}
