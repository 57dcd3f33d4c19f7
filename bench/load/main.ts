/** The rig: `npm run bench -- --help`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { buildTools } from './build-tools.js';
import { kernelForwarding } from './contestants/kernel-forwarding.js';
import { reflector } from './contestants/reflector.js';
import { turnpike } from './contestants/turnpike.js';
import { xdpRedirect } from './contestants/xdp-redirect.js';
import { ROOT } from './programs.js';
import { stepsOf, type WorkloadResult, WorkloadRun } from './rounds.js';
import { Scene } from './scene.js';
import { ratioSpread } from './statistics.js';
import { WORKLOADS } from './workloads.js';

interface Options {
  readonly quick?: boolean;
  readonly only?: string[];
  readonly rounds: string;
  readonly seconds: string;
  readonly out: string;
  readonly list?: boolean;
}

const program = new Command('bench')
  .description('Measures the data plane beside what else could carry the packets.')
  .option('--quick', 'three workloads, three rounds: under three minutes')
  .option('--only <words...>', 'workloads and contestants whose names hold one of these words')
  .option('--rounds <n>', 'alternating rounds; the first is discarded', '6')
  .option('--seconds <s>', 'length of one measurement', '1.5')
  .option('--out <folder>', 'where the results go', join(ROOT, 'bench/results'))
  .option('--list', 'show workloads and contestants, and what is missing for them');

const contestants = [
  turnpike({ name: 'turnpike', title: 'Turnpike mmsg' }),
  reflector(false),
  reflector(true),
  xdpRedirect,
  kernelForwarding,
];

async function measure(options: Options): Promise<WorkloadResult[]> {
  const words = options.only ?? [];
  const chosen = WORKLOADS.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  ).slice(0, options.quick === true ? 3 : undefined);
  const effort = {
    rounds: options.quick === true ? 3 : Number(options.rounds),
    seconds: options.quick === true ? 0.7 : Number(options.seconds),
    searches: options.quick !== true,
  };
  const total = chosen.length * stepsOf(effort, contestants.length);
  let done = 0;
  const begin = Date.now();
  const progress = (what: string) => {
    const left = done === 0 ? undefined : ((Date.now() - begin) / done) * (total - done);
    const time = left === undefined ? '' : `, ${Math.ceil(left / 1000)} s left`;
    console.error(`[${++done}/${total}${time}] ${what}`);
  };
  const scene = await Scene.create({ server: 0, generator: 1 });
  try {
    const results: WorkloadResult[] = [];
    for (const workload of chosen) {
      results.push(await new WorkloadRun(scene, workload, contestants, { effort, progress }).run());
    }
    return results;
  } finally {
    await scene.close();
  }
}

function show(results: readonly WorkloadResult[]): void {
  for (const { workload, commonPps, contestants: list } of results) {
    console.log(`${workload.title} (common load ${Math.round(commonPps / 1000)} kpps)`);
    const floor = list.find(({ name }) => name === 'reflector');
    for (const one of list) {
      const cost = (rounds: typeof one.rounds) => rounds.map((r) => r.common?.cpuNsPerPacket);
      const ratio = ratioSpread(cost(one.rounds), cost(floor?.rounds ?? []));
      const costs = cost(one.rounds).map((ns) => Math.round(ns ?? 0));
      console.log(`  ${one.name}: ${costs.join(' ')} ns; x${ratio?.median.toFixed(2)}`);
    }
  }
}

const options = program.parse().opts<Options>();
if (options.list === true) {
  for (const { name, title } of [...WORKLOADS, ...contestants]) console.log(`${name}  ${title}`);
} else {
  buildTools();
  const results = await measure(options);
  mkdirSync(options.out, { recursive: true });
  const file = join(options.out, 'bench.json');
  writeFileSync(file, `${JSON.stringify({ results }, null, 1)}\n`);
  show(results);
  console.log(relative(process.cwd(), file));
}
