import { type ChildProcess, spawn } from 'node:child_process';
import { MAIN_PROGRAM } from './main-program.js';

/** A JSON log line. */
export type LogLine = Readonly<Record<string, unknown>>;

/** The end of a process. */
export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
}

/** Processes to kill when the test's process exits, also if it exits early. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A `turnpike` process (`MAIN_PROGRAM`). */
export class Spawned {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly log: LogLine[] = [];
  readonly #stdout: Buffer[] = [];
  readonly #watchers = new Set<() => void>();
  #partial = '';
  /** Whether it has ended and all that it wrote was read. */
  #isOver = false;

  constructor(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [...MAIN_PROGRAM, ...argv], {
      stdio: 'pipe',
      env: { ...process.env, ...env },
    });
    running.add(this.child);
    this.child.stdin?.on('error', () => {});
    this.child.stdout?.on('data', (chunk: Buffer) => this.#stdout.push(chunk));
    this.child.stderr?.on('data', (chunk: Buffer) => this.#read(String(chunk)));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (exitCode, signal) => {
        running.delete(this.child);
        this.#isOver = true;
        for (const watcher of this.#watchers) watcher();
        resolve({ exitCode, signal, stdout: Buffer.concat(this.#stdout) });
      });
    });
  }

  /** Number of bytes on its standard output so far. */
  get outputBytes(): number {
    return this.#stdout.reduce((sum, { length }) => sum + length, 0);
  }

  /** Waits for a log line with these members, and returns the first one. */
  logged(members: LogLine): Promise<LogLine> {
    const found = () =>
      this.log.find((line) => Object.entries(members).every(([key, value]) => line[key] === value));
    return new Promise((resolve, reject) => {
      const watcher = () => {
        const line = found();
        if (line === undefined && !this.#isOver) return;
        this.#watchers.delete(watcher);
        if (line !== undefined) resolve(line);
        else reject(new Error(`ended without ${JSON.stringify(members)}: ${this.logText}`));
      };
      this.#watchers.add(watcher);
      watcher();
    });
  }

  get logText(): string {
    return this.log.map((line) => JSON.stringify(line)).join('\n');
  }

  /** Ends the process with SIGKILL. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  #read(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) {
      try {
        this.log.push(JSON.parse(line));
      } catch {
        this.log.push({ text: line });
      }
    }
    for (const watcher of this.#watchers) watcher();
  }
}
