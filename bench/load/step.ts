import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { clientAddress } from './addresses.js';
import { type Counts, type FarCounter, payloadsIn, placeCounter } from './far-counter.js';
import { ToolProcess, toolArguments, toolPath } from './programs.js';
import { firstServer, type Scene } from './scene.js';
import type { Running, Workload } from './types.js';

/** One measurement: so much load for so long. */
export interface StepOptions {
  /** Payloads a second; 0 is as many as the generator can. */
  readonly rate: number;
  readonly seconds: number;
  /** One datagram in so many goes to a real socket that checks it and its latency; 0: none. */
  readonly sampleOneIn: number;
}

/** The generator's report. */
export interface GeneratorReport {
  readonly sent: number;
  readonly refused: number;
  readonly skipped: number;
  readonly chunks: number;
  readonly lateChunks: number;
  readonly latestNs: number;
  readonly elapsedNs: number;
  readonly idleNs: number;
  readonly cpuNs: number;
}

/** The sink's report. */
export interface SinkReport {
  readonly datagrams: number;
  readonly payloads: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly damaged: number;
  readonly malformed: number;
  readonly latency: {
    readonly count: number;
    readonly p50Ns: number;
    readonly p99Ns: number;
    readonly p999Ns: number;
    readonly maxNs: number;
  };
}

/** What a step showed. */
export interface StepResult {
  readonly offeredPps: number;
  readonly deliveredPps: number;
  readonly delivered: number;
  /** 0 to 1, of what was sent. */
  readonly loss: number;
  /** User and system time of the contestant's processes. */
  readonly cpuNsPerPacket: number;
  readonly serverBusy: number;
  /** What arrived for those payloads. */
  readonly arrivals?: Counts;
  readonly generatorIdle: number;
  readonly generator: GeneratorReport;
  readonly sink?: SinkReport;
}

/** Kernel clock ticks in /proc/PID/stat: 100 a second on every Linux platform (proc(5)). */
const NS_PER_TICK = 10_000_000;
/** What is under way when the generator ends has arrived after this. */
const DRAIN_MS = 60;

async function cpuNs(pids: readonly number[]): Promise<number> {
  let ticks = 0;
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch((cause: unknown) => {
      throw new Error('it ended in the middle of the measurement', { cause });
    });
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * NS_PER_TICK;
}

/** The generator's command line. */
function generatorCommand(
  scene: Scene,
  workload: Workload,
  { load }: Running,
  options: StepOptions,
): string[] {
  const link = { interface: scene.near.device, 'next-hop': firstServer(scene).near.mac };
  const common = {
    ...(scene.kind === 'loopback' ? {} : link),
    source: load.source,
    destination: load.destination,
    flows: workload.flows,
    sizes: workload.sizesBytes.join(','),
    rate: options.rate,
    seconds: options.seconds,
    cpu: scene.cpus.generator,
    ...load.extra,
  };
  if (load.generator === 'live') {
    const object = toolPath('live_frames.bpf.o');
    return [toolPath('live_generator'), ...toolArguments({ object, ...common })];
  }
  const argv = toolArguments({
    content: load.content,
    burst: workload.burst,
    segments: workload.segments,
    records: load.content === 'trunk' ? workload.records : 1,
    chunk: workload.chunk,
    ...common,
  });
  return [toolPath('generator'), ...argv];
}

async function startSink(scene: Scene, { arrivals }: Running): Promise<ToolProcess> {
  const isTrunk = arrivals.content === 'trunk';
  const address = isTrunk ? scene.far.address : clientAddress(scene.farNetwork, 0).address;
  const argv = toolArguments({
    content: arrivals.content,
    address: `${address}:${arrivals.port}`,
    ports: arrivals.ports,
    latency: 1,
  });
  const { generator } = scene.cpus;
  const sink = scene.spawn(scene.far, generator, [toolPath('sink'), ...argv]);
  const tool = new ToolProcess(sink, 'the sink');
  await tool.line('ready');
  return tool;
}

/** What counts and checks at the far end during a step. */
interface FarEnd {
  readonly counter?: FarCounter;
  readonly sink?: ToolProcess;
}

async function startFarEnd(
  scene: Scene,
  running: Running,
  { sampleOneIn }: StepOptions,
): Promise<FarEnd> {
  // On loopback there is no device of its own to count at: the sink takes everything.
  if (scene.kind === 'loopback') return { sink: await startSink(scene, running) };
  const counter = await placeCounter(scene, { arrivals: running.arrivals, sampleOneIn });
  return sampleOneIn === 0 ? { counter } : { counter, sink: await startSink(scene, running) };
}

/** What arrived, as seen by whatever saw all of it. */
async function finishFarEnd(farEnd: FarEnd, workload: Workload, running: Running) {
  const counts = await farEnd.counter?.finish();
  const sink = await farEnd.sink?.finish<SinkReport>();
  const delivered =
    counts === undefined
      ? (sink?.payloads ?? 0)
      : Math.round(payloadsIn(counts, workload, running.arrivals));
  return { counts, sink, delivered };
}

/**
 * Offers a load to a contestant that is up, and counts at the far end.
 * @throws Error when one of the rig's programs fails
 */
export async function runStep(
  scene: Scene,
  workload: Workload,
  running: Running,
  options: StepOptions,
): Promise<StepResult> {
  const farEnd = await startFarEnd(scene, running, options);
  const cpuBefore = await cpuNs(running.pids);
  const argv = generatorCommand(scene, workload, running, options);
  const spawned = scene.spawn(scene.near, scene.cpus.generator, argv);
  const generator = await new ToolProcess(spawned, 'the generator').result<GeneratorReport>();
  await delay(DRAIN_MS);
  const cpuSpent = (await cpuNs(running.pids)) - cpuBefore;
  const { counts, sink, delivered } = await finishFarEnd(farEnd, workload, running);
  const seconds = generator.elapsedNs / 1e9;
  return {
    offeredPps: generator.sent / seconds,
    deliveredPps: delivered / seconds,
    delivered,
    loss: Math.max(0, 1 - delivered / generator.sent),
    cpuNsPerPacket: cpuSpent / Math.max(1, delivered),
    serverBusy: cpuSpent / generator.elapsedNs,
    generatorIdle: generator.idleNs / generator.elapsedNs,
    generator,
    ...(counts === undefined ? {} : { arrivals: counts }),
    ...(sink === undefined ? {} : { sink }),
  };
}
