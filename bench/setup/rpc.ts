import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { compiledProgram } from '../../test/setup/test-programs.js';

/** Methods of a program of the measurement by name, with one parameter each. */
export type Methods = Readonly<Record<string, (params: never) => unknown>>;

type Params<M extends Methods, K extends keyof M> = Parameters<M[K]>[0];
type Result<M extends Methods, K extends keyof M> = Awaited<ReturnType<M[K]>>;

interface Request {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly failure?: string;
}

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

/** A program in a child process, so that its memory and CPU time can be measured. */
export class Program<M extends Methods> {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #waiting = new Map<number, Waiting>();
  readonly #killOnExit = () => void this.#child.kill('SIGKILL');
  #requests = 0;

  /**
   * Starts `<name>.ts`.
   * @param name - path of the file relative to this folder, without its extension
   * @param nodeOptions - further options for its Node
   */
  constructor(name: string, nodeOptions: readonly string[] = []) {
    const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
    this.#name = name;
    const compiled = compiledProgram(file);
    const loader = compiled === undefined ? ['--import', 'tsx'] : [];
    this.#child = fork(compiled ?? file, {
      execArgv: [...loader, '--expose-gc', ...nodeOptions],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (answer: Answer) => this.#settle(answer));
    this.#child.on('exit', (code, signal) => this.#gone(signal ?? code));
    process.once('exit', this.#killOnExit);
  }

  /** The process id; 0 if the program could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether the program has ended. */
  get isGone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /**
   * Calls a method of the program.
   * @returns the method's result
   * @throws Error with the stack of the method's error, or because the program has ended
   */
  call<K extends keyof M & string>(method: K, params: Params<M, K>): Promise<Result<M, K>> {
    const id = this.#requests++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, method, params } satisfies Request, (error) => {
        if (error) this.#settle({ id, failure: `${this.#name}: ${error.message}` });
      });
    });
  }

  /** Ends the program. Resolves when it has ended. */
  async end(): Promise<void> {
    process.off('exit', this.#killOnExit);
    if (this.isGone) return;
    const gone = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await gone;
  }

  #settle({ id, result, failure }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (failure === undefined) waiting?.resolve(result as never);
    else waiting?.reject(new Error(failure));
  }

  #gone(how: string | number | null): void {
    for (const id of [...this.#waiting.keys()]) {
      this.#settle({ id, failure: `${this.#name} has ended: ${how}` });
    }
  }
}

/**
 * Runs in the program: handles calls until the parent disconnects, then ends the process.
 * @param methods - the methods that the parent can call
 */
export function serve(methods: Methods): void {
  process.on('message', async ({ id, method, params }: Request) => {
    try {
      process.send?.({ id, result: await methods[method]?.(params as never) });
    } catch (error) {
      process.send?.({ id, failure: (error as Error).stack ?? String(error) });
    }
  });
  // A terminal sends SIGINT to all processes of its group. The parent handles it.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit(0));
}
