import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CpuPlan } from '../load/scene.js';
import { Program } from '../setup/rpc.js';
import { readProcessUsage } from '../setup/usage.js';
import type { AttackerMethods } from './attacker-process.js';
import type { DirectoryMethods } from './directory-process.js';
import { MetricsText } from './metrics-text.js';
import { pinTo } from './pin.js';
import { VICTIM } from './tenants.js';

/** The result of a start of many relays at once. */
export interface FleetStart {
  readonly relays: number;
  /** Time from the first start until every relay has confirmed every other; undefined if not. */
  readonly confirmedMs: number | undefined;
  /** Responses to a client, by time since the first start. */
  readonly client: readonly ClientWindow[];
  readonly directoryPeakBytes: number;
}

/** A client's requests in one window of time. */
export interface ClientWindow {
  readonly fromMs: number;
  /** Number of requests. */
  readonly asked: number;
  /** Number answered with a pair of relays. The others got an error or no answer. */
  readonly served: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface Asked {
  readonly atMs: number;
  readonly tookMs: number;
  readonly status: number | undefined;
}

/** Starts of the windows: the fleet's start takes three seconds, the next window ten. */
const WINDOWS_MS = [0, 3_000, 13_000] as const;
/** Interval of the client's requests. */
const ASK_MS = 50;
/** Interval of reading the directory's memory and states. */
const LOOK_MS = 1_000;
const ANSWER_MS = 10_000;
/** The flood that starts the fleet, and its number of relays at level 1. */
const FLEET = { name: 'registrations', relays: 1_022 } as const;

const headers = { authorization: `Bearer ${VICTIM.key}`, 'content-type': 'application/json' };
const body = JSON.stringify({ peers: [{ region: 'fleet-1' }, { region: 'fleet-2' }] });

/**
 * Starts relays within three seconds while a client requests connections. The directory has a CPU
 * to itself if there are two.
 * @param relays - number of relays
 * @param seconds - length of the measurement
 * @param onEnd - called with a function that ends it early
 * @throws Error when a process does not start
 */
export async function fleetStart(
  { relays, seconds, cpus }: { relays: number; seconds: number; cpus: CpuPlan },
  onEnd: (end: () => Promise<void>) => void,
): Promise<FleetStart> {
  const directory = new Program<DirectoryMethods>('../abuse/directory-process');
  const fleet = new Program<AttackerMethods>('../abuse/attacker-process');
  const end = async () => void (await Promise.all([fleet.end(), directory.end()]));
  onEnd(end);
  try {
    const directoryUrl = await directory.call('open', undefined);
    pinTo(cpus.server, [directory.pid]);
    pinTo(cpus.generator, [fleet.pid, process.pid]);
    const target = { directoryUrl, relays: [NOBODY, NOBODY] as const };
    await fleet.call('begin', { name: FLEET.name, target, level: relays / FLEET.relays });
    return await watch({ directory, directoryUrl, relays, seconds });
  } finally {
    await end();
  }
}

const NOWHERE = { address: '127.0.0.1', port: 9 };
const NOBODY = { service: NOWHERE, trunk: NOWHERE, httpUrl: '' };

async function watch(of: {
  directory: Program<DirectoryMethods>;
  directoryUrl: string;
  relays: number;
  seconds: number;
}): Promise<FleetStart> {
  const { directory, directoryUrl, relays, seconds } = of;
  const startedAt = performance.now();
  const asked: Asked[] = [];
  const running = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const one = ask(directoryUrl, startedAt, asked).finally(() => running.delete(one));
    running.add(one);
  }, ASK_MS);
  let confirmedMs: number | undefined;
  let directoryPeakBytes = 0;
  while (performance.now() - startedAt < seconds * 1_000) {
    await sleep(LOOK_MS);
    const { residentBytes } = readProcessUsage(directory.pid);
    directoryPeakBytes = Math.max(directoryPeakBytes, residentBytes);
    if (confirmedMs !== undefined) continue;
    const known = await confirmed(directoryUrl, await directory.call('metrics', undefined));
    if (known >= relays) confirmedMs = performance.now() - startedAt;
  }
  clearInterval(timer);
  await Promise.all(running);
  return { relays, confirmedMs, client: WINDOWS_MS.map(windowOf(asked)), directoryPeakBytes };
}

async function ask(directoryUrl: string, startedAt: number, asked: Asked[]): Promise<void> {
  const askedAt = performance.now();
  const signal = AbortSignal.timeout(ANSWER_MS);
  const request = { method: 'POST', headers, body, signal };
  const status = await fetch(`${directoryUrl}/v1/connections`, request).then(
    async (answer) => {
      await answer.text();
      return answer.status;
    },
    () => undefined,
  );
  const tookMs = performance.now() - askedAt;
  asked.push({ atMs: askedAt - startedAt, tookMs, status });
}

/**
 * Returns the number of relays that every other one has confirmed. The list of relays is long, so
 * it is fetched only once the metrics show that all are ready; before that the result is 0.
 */
async function confirmed(directoryUrl: string, metrics: string): Promise<number> {
  const states = new MetricsText(metrics);
  const ready = states.sum('turnpike_directory_relays', { state: 'ready' });
  if (states.sum('turnpike_directory_relays') > ready) return 0;
  const answer = await fetch(`${directoryUrl}/v1/relays`, { headers });
  const list = (await answer.json()) as { relays: { reachability?: { unknownTo?: number } }[] };
  return list.relays.filter(({ reachability }) => (reachability?.unknownTo ?? 0) === 0).length;
}

function windowOf(asked: readonly Asked[]) {
  return (fromMs: number, index: number): ClientWindow => {
    const untilMs = WINDOWS_MS[index + 1] ?? Number.POSITIVE_INFINITY;
    const within = asked.filter(({ atMs }) => atMs >= fromMs && atMs < untilMs);
    const times = createHistogram();
    for (const { tookMs } of within) times.record(Math.max(1, Math.round(tookMs * 1e3)));
    const ms = (us: number) => (times.count > 0 ? us / 1e3 : 0);
    return {
      fromMs,
      asked: within.length,
      served: within.filter(({ status }) => status === 201).length,
      p50Ms: ms(times.percentile(50)),
      p99Ms: ms(times.percentile(99)),
      maxMs: ms(times.max),
    };
  };
}

/** Returns the result as lines for a terminal. */
export function fleetText({ relays, confirmedMs, client, directoryPeakBytes }: FleetStart): string {
  const all =
    confirmedMs === undefined
      ? 'are NOT confirmed by all'
      : `are confirmed by all ${(confirmedMs / 1_000).toFixed(1)} s after the first start`;
  return [
    `${relays} relays that start within 3 s ${all}; peak memory of the directory: ` +
      `${(directoryPeakBytes / 1e6).toFixed(0)} MB`,
    ...client.map(
      ({ fromMs, asked, served, p50Ms, p99Ms, maxMs }) =>
        `  client from second ${fromMs / 1_000} on: ${served} of ${asked} got a pair; p50 ` +
        `${p50Ms.toFixed(0)}, p99 ${p99Ms.toFixed(0)}, longest ${maxMs.toFixed(0)} ms`,
    ),
  ].join('\n');
}
