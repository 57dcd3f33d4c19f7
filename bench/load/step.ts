import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { clientAddress } from './addresses.js';
import { CleanUp, type OnEnd } from './clean-up.js';
import { type Counts, type FarCounter, payloadsIn, placeCounter } from './far-counter.js';
import { ToolProcess, toolArguments, toolPath } from './programs.js';
import { firstServer, type Scene, turned } from './scene.js';
import {
  countsTogether,
  type GeneratorReport,
  generatorsTogether,
  type SinkReport,
  sinksTogether,
} from './tool-reports.js';
import type { Content, Running, Stream, Workload } from './types.js';

/** One measurement: so much load for so long. */
export interface StepOptions {
  /** Payloads a second, over both ways; 0 is as many as the generator can. */
  readonly rate: number;
  readonly seconds: number;
  /** One datagram in so many goes to a real socket that checks it and its latency; 0: none. */
  readonly sampleOneIn: number;
}

/** What a step showed. */
export interface StepResult {
  /** The rate that was asked of the generator; 0 at saturation. */
  readonly askedPps: number;
  readonly offeredPps: number;
  readonly deliveredPps: number;
  readonly delivered: number;
  /** 0 to 1, of what was sent, with what the server's device refused to take. */
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

const execute = promisify(execFile);

/** What is under way when the generator ends has arrived after this. */
const DRAIN_MS = 60;

async function cpuNs(pids: readonly number[]): Promise<number> {
  try {
    const { stdout } = await execute(toolPath('cpu_time'), pids.map(String));
    return Number(stdout);
  } catch (cause) {
    throw new Error('it ended in the middle of the measurement', { cause });
  }
}

/** One direction of a step. */
interface Way {
  /** As seen from the end that sends. */
  readonly scene: Scene;
  readonly stream: Stream;
}

function waysOf(scene: Scene, running: Running): Way[] {
  const there = { scene, stream: running };
  const { back } = running;
  return back === undefined ? [there] : [there, { scene: turned(scene), stream: back }];
}

/** Frames in one system call, so that every contestant gets as many payloads at once. */
function framesAtOnce({ chunk, records }: Workload, content: Content): number {
  return content === 'trunk' ? chunk : chunk * records;
}

/** The generator's command line. */
function generatorCommand(
  { scene, stream: { load } }: Way,
  workload: Workload,
  options: StepOptions,
): string[] {
  const link = { interface: scene.near.device, 'next-hop': firstServer(scene).near.mac };
  const common = {
    ...(scene.kind === 'loopback' ? {} : link),
    source: load.source,
    destination: load.destination,
    flows: workload.flows,
    sizes: workload.sizesBytes.join(','),
    chunk: framesAtOnce(workload, load.content),
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
    ...(workload.bothWays === true && { 'shares-cpu': 1 }),
    ...common,
  });
  return [toolPath('generator'), ...argv];
}

async function startSink(way: Way, onEnd: OnEnd): Promise<ToolProcess> {
  const { scene, stream } = way;
  const { arrivals } = stream;
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
  onEnd(() => tool.stop());
  await tool.line('ready');
  return tool;
}

/** What counts and checks at the far end during a step. */
interface FarEnd {
  readonly way: Way;
  readonly counter?: FarCounter;
  readonly sink?: ToolProcess;
}

async function startFarEnd(way: Way, options: StepOptions, onEnd: OnEnd): Promise<FarEnd> {
  const { scene, stream } = way;
  const { sampleOneIn } = options;
  // On loopback there is no device of its own to count at: the sink takes everything.
  if (scene.kind === 'loopback') return { way, sink: await startSink(way, onEnd) };
  const counter = await placeCounter(scene, { arrivals: stream.arrivals, sampleOneIn }, onEnd);
  return sampleOneIn === 0 ? { way, counter } : { way, counter, sink: await startSink(way, onEnd) };
}

/** What arrived, as seen by whatever saw all of it. */
async function finishFarEnd({ way, ...farEnd }: FarEnd, workload: Workload) {
  const counts = await farEnd.counter?.finish();
  const sink = await farEnd.sink?.finish<SinkReport>();
  const delivered =
    counts === undefined
      ? (sink?.payloads ?? 0)
      : Math.round(payloadsIn(counts, workload, way.stream.arrivals));
  return { counts, sink, delivered };
}

async function finishFarEnds(farEnds: readonly FarEnd[], workload: Workload) {
  const ends = await Promise.all(farEnds.map((each) => finishFarEnd(each, workload)));
  const counts = ends.flatMap((end) => end.counts ?? []);
  const sinks = ends.flatMap((end) => end.sink ?? []);
  return {
    delivered: ends.reduce((sum, end) => sum + end.delivered, 0),
    ...(counts.length > 0 && { arrivals: countsTogether(counts) }),
    ...(sinks.length > 0 && { sink: sinksTogether(sinks) }),
  };
}

/** Runs a generator for each way at the same time, until all have ended. */
async function generate(
  ways: readonly Way[],
  workload: Workload,
  options: StepOptions,
  onEnd: OnEnd,
): Promise<GeneratorReport> {
  const each = { ...options, rate: options.rate / ways.length };
  const generators = ways.map((way) => {
    const argv = generatorCommand(way, workload, each);
    const spawned = way.scene.spawn(way.scene.near, way.scene.cpus.generator, argv);
    const generator = new ToolProcess(spawned, 'the generator');
    onEnd(() => generator.stop());
    return generator.result<GeneratorReport>();
  });
  return generatorsTogether(await Promise.all(generators));
}

/**
 * Offers a load to a contestant that is up, and counts at the far end; where there is traffic both
 * ways, at both ends. Nothing of the step is left when it is over, also where it fails: a sink that
 * stayed would hold the port that the next one binds.
 * @throws Error when one of the rig's programs fails
 */
export async function runStep(
  scene: Scene,
  workload: Workload,
  running: Running,
  options: StepOptions,
): Promise<StepResult> {
  const cleanUp = new CleanUp();
  try {
    const result = await measureStep(scene, workload, running, options, cleanUp.onEnd);
    await cleanUp.run();
    return result;
  } catch (cause) {
    throw await cleanUp.after(cause);
  }
}

async function measureStep(
  scene: Scene,
  workload: Workload,
  running: Running,
  options: StepOptions,
  onEnd: OnEnd,
): Promise<StepResult> {
  const ways = waysOf(scene, running);
  const farEnds: FarEnd[] = [];
  // One after the other, so that nothing is still being started where one of them fails.
  for (const way of ways) farEnds.push(await startFarEnd(way, options, onEnd));
  const cpuBefore = await cpuNs(running.pids);
  const generator = await generate(ways, workload, options, onEnd);
  await delay(DRAIN_MS);
  const cpuSpent = (await cpuNs(running.pids)) - cpuBefore;
  const farEnd = await finishFarEnds(farEnds, workload);
  const seconds = generator.elapsedNs / 1e9;
  const offered = generator.sent + generator.refused;
  return {
    askedPps: options.rate,
    offeredPps: offered / seconds,
    deliveredPps: farEnd.delivered / seconds,
    loss: Math.max(0, 1 - farEnd.delivered / offered),
    cpuNsPerPacket: cpuSpent / Math.max(1, farEnd.delivered),
    serverBusy: cpuSpent / generator.elapsedNs,
    generatorIdle: generator.idleNs / generator.elapsedNs,
    generator,
    ...farEnd,
  };
}
