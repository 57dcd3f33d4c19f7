import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { type LabHost, type LabProcess, parseObject, readLines } from '../../src/lab/index.js';
import type { TestLab } from '../lab/test-lab.js';
import type { Stack } from './stack-catalogue.js';

/** Time for an agent to end once it has closed. */
const END_MS = 10_000;

/** What one agent tells the other. */
export interface Description {
  readonly type?: string;
  readonly sdp?: string;
  readonly ufrag?: string;
  readonly pwd?: string;
  /** Lines of SDP, without `a=`. */
  readonly candidates?: readonly string[];
}

/** What an agent has to do. */
export interface Task {
  /** The one that offers sends, the other receives. */
  readonly role: 'offer' | 'answer';
  readonly server: {
    readonly urls: string;
    readonly username: string;
    readonly credential: string;
  };
  readonly bytes: number;
}

/** What an agent says; each message has one of these. */
interface Messages {
  readonly description: Description;
  readonly done: true;
  readonly closed: true;
  readonly error: never;
}

/**
 * The program of an agent in a host of a lab. Both sides write a JSON object a line: the agent its
 * `description`, `done` after what it sent has arrived unchanged, `error`, and `closed`; the test
 * the other's `description`, and `close`.
 */
export class AgentProcess {
  readonly #name: string;
  readonly #process: LabProcess;
  readonly #said = new Map<string, unknown>();
  readonly #waiting = new Map<string, (value: unknown) => void>();
  #fail: (reason: Error) => void = () => {};
  readonly #failed: Promise<never>;

  constructor(lab: TestLab, host: LabHost, stack: Stack, task: Task) {
    this.#name = `${stack.name} (${task.role})`;
    this.#process = lab.spawn(host, [...stack.argv, JSON.stringify(task)]);
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => {});
    readLines(this.#process.child.stdout, (line) => this.#take(parseObject(line) ?? {}));
    // An agent that has ended reads nothing; its end is reported below.
    this.#process.child.stdin?.on('error', () => {});
    let lastWords = '';
    readLines(this.#process.child.stderr, (line) => {
      lastWords = line;
    });
    void this.#process.ended.then(({ code, signal }) => {
      this.giveUp(`ended with ${signal ?? `status ${code}`}: ${lastWords}`);
    });
  }

  #take(message: Readonly<Record<string, unknown>>): void {
    for (const [kind, value] of Object.entries(message)) {
      this.#said.set(kind, value);
      this.#waiting.get(kind)?.(value);
      if (kind === 'error') this.giveUp(String(value));
    }
  }

  /** Sends the agent a message. */
  say(message: { description: Description } | { close: true }): void {
    (this.#process.child.stdin as Writable).write(`${JSON.stringify(message)}\n`);
  }

  /**
   * Waits for a message of the agent.
   * @throws if the agent reports an error, ends, or is given up
   */
  hear<K extends keyof Messages>(kind: K): Promise<Messages[K]> {
    const said = this.#said.get(kind);
    if (said !== undefined) return Promise.resolve(said as Messages[K]);
    const heard = new Promise<unknown>((resolve) => this.#waiting.set(kind, resolve));
    return Promise.race([heard as Promise<Messages[K]>, this.#failed]);
  }

  /** Fails what is waited for. */
  giveUp(why: string): void {
    this.#fail(new Error(`${this.#name}: ${why}`));
  }

  /** Has the agent end its allocation. */
  async close(): Promise<void> {
    this.say({ close: true });
    await this.hear('closed');
  }

  /** Ends the program: by the end of its input, then by SIGKILL. */
  async kill(): Promise<void> {
    const { child } = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const timer = setTimeout(() => this.#process.signal('SIGKILL'), END_MS);
    const exit = once(child, 'exit');
    child.stdin?.end();
    await exit;
    clearTimeout(timer);
  }
}
