import { createInterface } from 'node:readline';
import type { LabProcess } from '../../src/lab/index.js';

/** The methods of a program in a namespace by name, each with one parameter. */
export type Methods = Readonly<Record<string, (params: never) => unknown>>;

type Params<M extends Methods, K extends keyof M> = Parameters<M[K]>[0];
type Result<M extends Methods, K extends keyof M> = Awaited<ReturnType<M[K]>>;

/** An error in the form that is sent over the pipe. */
export interface RemoteFailure {
  readonly message: string;
  readonly code?: string;
  readonly stunCode?: number;
  readonly reason?: string;
}

interface Request {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

type Line =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: RemoteFailure }
  | { readonly event: unknown };

/** An error that a program in a namespace reported. */
export class RemoteError extends Error {
  readonly code: string | undefined;
  readonly stunCode: number | undefined;
  readonly reason: string | undefined;

  constructor({ message, code, stunCode, reason }: RemoteFailure) {
    super(message);
    this.code = code;
    this.stunCode = stunCode;
    this.reason = reason;
  }
}

/** Returns the failure to send for a caught value. */
export function failureOf(error: unknown): RemoteFailure {
  const { message, code, stunCode, reason } = error as RemoteFailure;
  return {
    message: message ?? String(error),
    ...(code === undefined ? {} : { code }),
    ...(stunCode === undefined ? {} : { stunCode }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** The test's end. Each line of the program's stdin and stdout is a JSON object. */
export class RpcClient<M extends Methods, Event> {
  readonly #process: LabProcess;
  readonly #waiting = new Map<
    number,
    { resolve: (result: never) => void; reject: (error: Error) => void }
  >();
  #requests = 0;
  #gone: Error | undefined;

  constructor(process: LabProcess, onEvent: (event: Event) => void) {
    this.#process = process;
    const { stdout, stdin } = process.child;
    if (stdout === null || stdin === null) throw new Error('the program needs pipes');
    stdin.on('error', () => {});
    createInterface({ input: stdout }).on('line', (text) => {
      const line = JSON.parse(text) as Line;
      if ('event' in line) onEvent(line.event as Event);
      else this.#settle(line);
    });
    void process.ended.then(({ code, signal }) => {
      this.#gone = new Error(`the program ended: ${signal ?? code}`);
      for (const { reject } of this.#waiting.values()) reject(this.#gone);
    });
  }

  call<K extends keyof M & string>(method: K, params: Params<M, K>): Promise<Result<M, K>> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const request: Request = { id: this.#requests++, method, params };
    this.#process.child.stdin?.write(`${JSON.stringify(request)}\n`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { resolve, reject });
    });
  }

  #settle(line: Exclude<Line, { event: unknown }>): void {
    const waiting = this.#waiting.get(line.id);
    this.#waiting.delete(line.id);
    if ('failure' in line) waiting?.reject(new RemoteError(line.failure));
    else waiting?.resolve(line.result as never);
  }
}

/**
 * The program's end. The program ends when its stdin does.
 * @param methods - methods that the test can call
 * @returns a function that sends an event to the test
 */
export function serveRpc<Event>(methods: Methods): (event: Event) => void {
  const write = (line: Line) => void process.stdout.write(`${JSON.stringify(line)}\n`);
  createInterface({ input: process.stdin }).on('line', async (text) => {
    const { id, method, params } = JSON.parse(text) as Request;
    try {
      write({ id, result: (await methods[method]?.(params as never)) ?? null });
    } catch (error) {
      write({ id, failure: failureOf(error) });
    }
  });
  process.stdin.on('end', () => process.exit(0));
  return (event) => write({ event });
}
