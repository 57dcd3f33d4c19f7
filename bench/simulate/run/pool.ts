import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Job, SeedResult } from './job.js';
import type { WorkerMessage } from './worker.js';

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** Called before each step of a job. */
export type OnStep = (job: Job, what: string) => void;

/** Runs jobs in processes of their own, as many at a time as there are workers. */
export class Pool {
  readonly #children = new Set<ChildProcess>();
  readonly #workers: number;

  constructor(workers: number) {
    this.#workers = workers;
  }

  /**
   * @returns the results in the order of the jobs
   * @throws Error of the first job that fails; the others are ended then
   */
  async run(jobs: readonly Job[], onStep: OnStep): Promise<SeedResult[]> {
    const results: SeedResult[] = [];
    const queue = [...jobs.entries()];
    const work = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [index, job] = next;
        results[index] = await this.#runOne(job, onStep);
      }
    };
    try {
      await Promise.all(Array.from({ length: Math.min(this.#workers, jobs.length) }, work));
    } finally {
      this.close();
    }
    return results;
  }

  /** Ends all processes. */
  close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    this.#children.clear();
  }

  #runOne(job: Job, onStep: OnStep): Promise<SeedResult> {
    const child = fork(WORKER, [], { execArgv: ['--import', 'tsx'] });
    this.#children.add(child);
    return new Promise<SeedResult>((resolve, reject) => {
      child.on('message', (message: WorkerMessage) => {
        if (message.kind === 'progress') onStep(job, message.what);
        else if (message.kind === 'result') resolve(message.result);
        else reject(new Error(message.message));
      });
      child.on('error', reject);
      child.on('exit', (code, signal) =>
        reject(new Error(`the worker of seed ${job.seed} ended early: ${signal ?? code}`)),
      );
      child.send(job);
    }).finally(() => {
      this.#children.delete(child);
      child.removeAllListeners('exit');
      child.kill('SIGKILL');
    });
  }
}
