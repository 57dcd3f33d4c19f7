/** Time of one run, ms of CPU time, and number of runs. */
const RUN_MS = 100;
const RUNS = 7;
/** Calls between two looks at the clocks. */
const CALLS = 64;

/** Calls a second of the best of several runs. */
interface Rates {
  /** By the CPU time of this process, which other programs hardly change. */
  readonly cpu: number;
  /** By the clock. */
  readonly wall: number;
}

/** Returns the CPU time of this process since an earlier moment, ms. */
export function cpuMs(since?: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1_000;
}

/** Measures how often a second a function can be called. */
export function ratesOf(call: () => void): Rates {
  let cpu = 0;
  let wall = 0;
  for (let run = 0; run < RUNS; run += 1) {
    const before = process.cpuUsage();
    const startMs = performance.now();
    let calls = 0;
    let tookMs = 0;
    while (tookMs < RUN_MS) {
      for (let k = 0; k < CALLS; k += 1) call();
      calls += CALLS;
      tookMs = cpuMs(before);
    }
    cpu = Math.max(cpu, (1_000 * calls) / tookMs);
    wall = Math.max(wall, (1_000 * calls) / (performance.now() - startMs));
  }
  return { cpu, wall };
}

/** Returns `p50 …, p99 …, max …` of some times, ms. */
export function quantiles(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)];
  const text = (ms: number | undefined) => `${(ms ?? 0).toFixed(2)} ms`;
  return `p50 ${text(at(0.5))}, p99 ${text(at(0.99))}, max ${text(at(1))}`;
}
