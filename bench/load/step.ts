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

/** Load and length of one measurement. */
export interface StepOptions {
  /** Payloads a second, both directions together; 0: as many as the generator can send. */
  readonly rate: number;
  readonly seconds: number;
  /** One datagram in this many goes to a socket that checks it and its latency; 0: none. */
  readonly sampleOneIn: number;
}

/** Result of a step. */
export interface StepResult {
  /** The generator's target rate; 0 at saturation. */
  readonly askedPps: number;
  readonly offeredPps: number;
  readonly deliveredPps: number;
  readonly delivered: number;
  /** Lost share, 0 to 1, of the payloads sent and those that the server's device refused. */
  readonly loss: number;
  /** User and system time of the contestant's processes for each delivered payload. */
  readonly cpuNsPerPacket: number;
  /** CPU time of the contestant's processes as a share of one CPU. */
  readonly serverBusy: number;
  /** Packets at the far end; absent on loopback. */
  readonly arrivals?: Counts;
  readonly generatorIdle: number;
  readonly generator: GeneratorReport;
  readonly sink?: SinkReport;
}

const execute = promisify(execFile);

/** Time after the generator's end for packets under way to arrive. */
const DRAIN_MS = 60;

/**
 * Returns the user and system time of processes so far, together.
 * @throws Error if one of them has ended
 */
export async function cpuNs(pids: readonly number[]): Promise<number> {
  try {
    const { stdout } = await execute(toolPath('cpu_time'), pids.map(String));
    return Number(stdout);
  } catch (cause) {
    throw new Error('it ended in the middle of the measurement', { cause });
  }
}

/** One direction of a step. */
interface Way {
  /** The scene with the sending end as its near end. */
  readonly scene: Scene;
  readonly stream: Stream;
}

function waysOf(scene: Scene, running: Running): Way[] {
  const there = { scene, stream: running };
  const { back } = running;
  return back === undefined ? [there] : [there, { scene: turned(scene), stream: back }];
}

/** Returns the frames of one system call: the same number of payloads for every contestant. */
function framesAtOnce({ chunk, records }: Workload, content: Content): number {
  return content === 'trunk' ? chunk : chunk * records;
}

/** Returns the generator's command line. */
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
    const own = { object: toolPath('live_frames.bpf.o'), content: load.content };
    return [toolPath('live_generator'), ...toolArguments({ ...own, ...common })];
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

/** The counter and the sink at the far end of a direction. */
interface FarEnd {
  readonly way: Way;
  readonly counter?: FarCounter;
  readonly sink?: ToolProcess;
}

async function startFarEnd(way: Way, options: StepOptions, onEnd: OnEnd): Promise<FarEnd> {
  const { scene, stream } = way;
  const { sampleOneIn } = options;
  // On loopback the far end has no device to count at, so the sink receives all packets.
  if (scene.kind === 'loopback') return { way, sink: await startSink(way, onEnd) };
  const counter = await placeCounter(scene, { arrivals: stream.arrivals, sampleOneIn }, onEnd);
  return sampleOneIn === 0 ? { way, counter } : { way, counter, sink: await startSink(way, onEnd) };
}

/** Ends counter and sink. @returns their counts; payloads by the counter if there is one */
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

/** Runs a generator for each direction at the same time, until all have ended. */
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
 * Sends a load to a running contestant and counts the arrivals at the far end, or at both ends if
 * traffic goes both ways. All programs of the step are ended afterwards, also if it fails, because
 * the next sink binds the same port.
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
  // One after the other, so that no other is still starting when one of them fails.
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
