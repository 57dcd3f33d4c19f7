import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LabProcess } from '../../src/lab/index.js';

/** The project's root folder. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The build folder of the rig's own programs. */
export const TOOLS_FOLDER = join(ROOT, 'build', 'bench');

const READY_MS = 20_000;

/** Returns the path of one of the rig's own programs. */
export function toolPath(name: string): string {
  return join(TOOLS_FOLDER, name);
}

/** Returns arguments for the rig's own programs: name=value. */
export function toolArguments(values: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(values).map(([name, value]) => `${name}=${value}`);
}

/** A running program of the rig, with its output. */
export class ToolProcess {
  readonly process: LabProcess;
  readonly #lines: string[] = [];
  readonly #title: string;
  #complaint = '';
  #hasEnded = false;

  constructor(process: LabProcess, title: string) {
    this.process = process;
    this.#title = title;
    void process.ended.then(() => {
      this.#hasEnded = true;
    });
    const { stdout, stderr } = process.child;
    if (stdout !== null) createInterface(stdout).on('line', (line) => this.#lines.push(line));
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-4_000);
    });
  }

  /** The last 4,000 characters of its standard error. */
  get complaint(): string {
    return this.#complaint;
  }

  /** Whether it has ended. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Its pid; 0 if it could not be started. */
  get pid(): number {
    return this.process.pid ?? 0;
  }

  /**
   * Waits for a line that begins with a word.
   * @returns the rest of that line
   * @throws Error with the program's standard error when it ends first, or after 20 s
   */
  async line(word: string): Promise<string> {
    const deadline = Date.now() + READY_MS;
    for (;;) {
      const found = this.#lines.find((line) => line.startsWith(word));
      if (found !== undefined) return found.slice(word.length);
      const ended = this.#hasEnded;
      if (ended || Date.now() > deadline) throw this.#failure(ended ? 'ended' : 'is not ready');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /**
   * Waits for its end.
   * @returns the JSON of its last line
   * @throws Error with the program's standard error when it failed
   */
  async result<Result>(): Promise<Result> {
    const { code } = await this.process.ended;
    const last = this.#lines.at(-1);
    if (code !== 0 || last === undefined) throw this.#failure(`ended with ${code}`);
    return JSON.parse(last) as Result;
  }

  /** Sends SIGTERM, then waits for the end like `result`. */
  async finish<Result>(): Promise<Result> {
    this.process.signal('SIGTERM');
    return this.result<Result>();
  }

  /** Ends it by SIGTERM, or by SIGKILL after a grace time. */
  async stop(): Promise<void> {
    await this.process.stop();
  }

  #failure(what: string): Error {
    const lines = this.#complaint.split('\n').filter((line) => line.trim() !== '');
    // Node prints the source before the error, and the stack after it.
    const telling = lines.find((line) => /Error\b.*:/.test(line)) ?? lines.at(-1);
    return new Error(`${this.#title} ${what}${telling === undefined ? '' : `: ${telling.trim()}`}`);
  }
}
