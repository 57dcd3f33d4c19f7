/** A process that runs jobs: `pool.ts` starts it and sends them. */
import type { Job, SeedResult } from './job.js';
import { runSeed } from './seed.js';

/** What a worker sends. */
export type WorkerMessage =
  | { readonly kind: 'progress'; readonly what: string }
  | { readonly kind: 'result'; readonly result: SeedResult }
  | { readonly kind: 'failure'; readonly message: string };

const send = (message: WorkerMessage) => process.send?.(message);

process.on('message', (job: Job) => {
  try {
    send({ kind: 'result', result: runSeed(job, (what) => send({ kind: 'progress', what })) });
  } catch (error) {
    send({ kind: 'failure', message: (error as Error).stack ?? String(error) });
  }
});
// Its parent is gone.
process.on('disconnect', () => process.exit(1));
