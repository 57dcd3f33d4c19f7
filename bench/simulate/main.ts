/** Lets rules that select relays compete: `npm run simulate -- --help`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { SIGNAL_EXIT } from '../../src/cli/exit-codes.js';
import { inheritedIgnore } from '../../src/cli/signals.js';
import { packageVersion } from '../../src/version.js';
import { timeText } from '../load/progress.js';
import { ALL_CONTESTANTS } from './contestants/index.js';
import { jobSettings, type SimulateFlags, simulateCommand } from './options.js';
import { htmlReport } from './report/html.js';
import { ProgressBar } from './report/progress-bar.js';
import { type SimulationResult, summarize } from './report/summary.js';
import { textReport } from './report/text.js';
import type { Job } from './run/job.js';
import { Pool } from './run/pool.js';
import { readMatrixFolder } from './world/matrices/folder.js';

/** Steps of a job beside its contestants: the world and the oracle. */
const FIXED_STEPS = 2;

interface Plan {
  readonly titles: readonly string[];
  /** Jobs by title: one for each seed. */
  readonly jobs: readonly (readonly Job[])[];
  readonly ignoredFiles: readonly string[];
}

function plan(flags: SimulateFlags): Plan {
  const { job, seeds } = jobSettings(flags);
  const numbers = Array.from({ length: seeds }, (_, index) => flags.seed + index);
  const { matrices: folder } = flags;
  if (folder === undefined) {
    const title = `Synthetic planet: ${job.regions} regions, ${job.relays} relays`;
    return { titles: [title], jobs: [numbers.map((seed) => ({ ...job, seed }))], ignoredFiles: [] };
  }
  const { matrices, ignored } = readMatrixFolder(folder);
  return {
    titles: matrices.map(({ title, size, dropped }) => {
      const without = dropped === 0 ? '' : `, without ${dropped} that have gaps`;
      return `Replay of ${title}: ${size} sites${without}`;
    }),
    jobs: matrices.map(({ title }) =>
      numbers.map((seed) => ({ ...job, seed, matrix: { folder, title } })),
    ),
    ignoredFiles: ignored,
  };
}

function closeOnSignals(pool: Pool): void {
  for (const [signal, code] of Object.entries(SIGNAL_EXIT)) {
    // As under nohup.
    if (signal === 'SIGHUP' && inheritedIgnore(signal)) continue;
    process.once(signal, () => {
      pool.close();
      process.exit(code);
    });
  }
}

async function simulate(flags: SimulateFlags): Promise<SimulationResult> {
  const { titles, jobs, ignoredFiles } = plan(flags);
  const beganMs = performance.now();
  const startedAt = new Date().toISOString();
  const pool = new Pool(flags.workers);
  closeOnSignals(pool);
  const all = jobs.flat();
  const bar = new ProgressBar(stepsOf(all), process.stderr, () => performance.now());
  const results = await pool.run(all, ({ seed, matrix }, what) =>
    bar.step(`${matrix === undefined ? '' : `${matrix.title}, `}seed ${seed}, ${what}`),
  );
  bar.end();
  const perTitle = jobs[0]?.length ?? 0;
  const { seed: _, matrix: __, ...settings } = all[0] as Job;
  return {
    ...{ startedAt, version: packageVersion(), job: settings, ignoredFiles },
    command: `npm run simulate -- ${process.argv.slice(2).join(' ')}`.trim(),
    seconds: (performance.now() - beganMs) / 1000,
    worlds: titles.map((title, at) =>
      summarize(title, results.slice(at * perTitle, (at + 1) * perTitle)),
    ),
  };
}

function stepsOf(jobs: readonly Job[]): number {
  return jobs.reduce((sum, { contestants, matrix, burstLegs }) => {
    const bursts = matrix === undefined && burstLegs > 0 ? contestants.length - 1 : 0;
    return sum + FIXED_STEPS + contestants.length + bursts;
  }, 0);
}

/** Writes simulation.json and simulation.html. @returns their paths */
function save(folder: string, result: SimulationResult): string[] {
  mkdirSync(folder, { recursive: true });
  const files = [
    { name: 'simulation.json', text: `${JSON.stringify(result, null, 1)}\n` },
    { name: 'simulation.html', text: htmlReport(result) },
  ];
  return files.map(({ name, text }) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return relative(process.cwd(), file);
  });
}

async function main(flags: SimulateFlags): Promise<void> {
  if (flags.list === true) {
    for (const { name, title } of ALL_CONTESTANTS) console.log(`${name.padEnd(16)} ${title}`);
    return;
  }
  const result = await simulate(flags);
  console.log(textReport(result));
  const files = save(flags.out, result);
  console.log(`\nTook ${timeText(1000 * result.seconds)}; ${files.join(' and ')}`);
}

try {
  await main(simulateCommand().parse().opts<SimulateFlags>());
} catch (error) {
  console.error(`simulate: ${(error as Error).message}`);
  process.exitCode = 1;
}
