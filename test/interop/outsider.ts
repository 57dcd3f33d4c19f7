import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '../house/source-files.js';
import type { System } from './system.js';

const PROGRAM = join(ROOT, 'test/interop/main.py');

/** The result of a scenario. */
export interface ScenarioResult {
  readonly name: string;
  readonly ok: boolean;
  readonly error?: string;
  /** Innermost last, as `file.py:line`. */
  readonly where?: readonly string[];
  readonly seconds: number;
}

export interface OutsiderReport {
  /** The names of all scenarios, in their order. */
  readonly plan: readonly string[];
  readonly results: ReadonlyMap<string, ScenarioResult>;
  /** Python's standard error. */
  readonly stderr: string;
}

/**
 * Runs the Python peer, which is written from PROTOCOL.md alone, against a system.
 * @param system - an open system
 * @param words - only scenarios whose names have all of them
 * @param timeoutMs - time after which the program is killed; unfinished scenarios have no result
 */
export async function runOutsider(
  system: System,
  words: readonly string[],
  timeoutMs: number,
): Promise<OutsiderReport> {
  // -B leaves no compiled files beside the sources.
  const args = ['-B', PROGRAM, JSON.stringify(system.describe()), ...words];
  const child = spawn('python3', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const exited = once(child, 'exit');
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let plan: readonly string[] = [];
  const results = new Map<string, ScenarioResult>();
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line);
    if ('plan' in said) plan = said.plan;
    else if ('ask' in said) {
      system.perform(said.ask, said.relay).then(
        () => child.stdin.write(`${JSON.stringify({ id: said.id, ok: true })}\n`),
        (error) => child.stdin.write(`${JSON.stringify({ id: said.id, error: `${error}` })}\n`),
      );
    } else results.set(said.name, said);
  }
  await exited;
  clearTimeout(timer);
  return { plan, results, stderr };
}
