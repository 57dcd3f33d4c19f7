import { setTimeout } from 'node:timers/promises';
import type { TransportAddress } from '../../src/address.js';
import type { RelayRecord } from '../../src/registry/types.js';
import type { FlowMethods } from './flow-process.js';
import type { LoadMethods } from './load-process.js';
import type { RelayMethods, RelaySample } from './relay-process.js';
import type { Expiry, Phase, RelayCost, RelayMemory, SetupOptions, SetupResult } from './result.js';
import { Program } from './rpc.js';
import type { Memory } from './usage.js';
import { succeeded, type WindowedResult } from './windowed.js';

/** Called with a description of each step. */
export type Progress = (message: string) => void;

const IDLE_MS = 2_000;
/** Connections set up and closed before the measurement, so that caches and pools are filled. */
const WARM_UP_CONNECTIONS = 4_000;
/** Legs beyond those of the load, for the flow. */
const LEGS_SPARE = 64;
/** Advance of the clocks that expires the load's legs: a little more than their LIFETIME. */
const EXPIRY_MS = 602_000;
/** Step of the clocks of two relays, less than the silence after which a relay is unreachable. */
const STEP_MS = 4_000;
/** Pause after each step, for the other relay's probe replies. */
const STEP_PAUSE_MS = 150;
const POLL_MS = 20;
const EXPIRY_POLLS_MAX = 15_000;

/**
 * Measures the rate of set-ups, the memory of each connection, and the rate of closes and expiries,
 * while a steady flow runs. Each relay, the load and the flow have their own process on loopback.
 * @param options - what to measure
 * @param progress - called with each step
 * @throws Error when a process ends, no set-up ends for 20 s, or every set-up fails
 */
export async function measureSetup(
  options: SetupOptions,
  progress: Progress,
): Promise<SetupResult> {
  const stage = new Stage(options, progress);
  try {
    await stage.open();
    return await stage.measure();
  } finally {
    await stage.end();
  }
}

type RelayProgram = { readonly id: string; readonly program: Program<RelayMethods> };

class Stage {
  readonly #options: SetupOptions;
  readonly #progress: Progress;
  readonly #relays: readonly RelayProgram[];
  readonly #load = new Program<LoadMethods>('load-process');
  readonly #flow = new Program<FlowMethods>('flow-process');

  constructor(options: SetupOptions, progress: Progress) {
    this.#options = options;
    this.#progress = progress;
    const ids = options.arrangement === 'same-relay' ? ['relay-a'] : ['relay-a', 'relay-b'];
    this.#relays = ids.map((id) => ({
      id,
      program: new Program<RelayMethods>('relay-process', options.relayNodeOptions),
    }));
  }

  async open(): Promise<void> {
    const { connections, workers, flowPacketsPerSecond, expiries } = this.#options;
    const connectionsMax = Math.max(WARM_UP_CONNECTIONS, connections, ...expiries);
    const legsEach = this.#relays.length === 1 ? 2 : 1;
    const legsMax = legsEach * connectionsMax + LEGS_SPARE;
    this.#progress('opening relays');
    const records = await this.#ofAll(({ id, program }) =>
      program.call('open', { id, workers, legsMax }),
    );
    await this.#ofAll(({ program }) => program.call('introduce', records));
    const [first, second = first] = records.map(serviceOf);
    if (first === undefined || second === undefined) throw new Error('a relay has no address');
    const relays = [first, second] as const;
    await this.#flow.call('open', { relays, packetsPerSecond: flowPacketsPerSecond });
    this.#progress('fetching nonces');
    await this.#load.call('open', { relays, connectionsMax });
  }

  async measure(): Promise<SetupResult> {
    const { connections, window, expiries } = this.#options;
    this.#progress('warming up');
    await this.#load.call('prepare', WARM_UP_CONNECTIONS);
    await this.#load.call('establish', window);
    await this.#load.call('close', window);
    this.#progress('the flow alone');
    const idle = await this.#idle();
    const before = await this.#memory();
    this.#progress(`signing the requests of ${connections} connections`);
    await this.#load.call('prepare', connections);
    this.#progress('setting up');
    const setUp = await this.#phase(() => this.#establish(), succeeded);
    const established = await this.#memory();
    this.#progress('closing');
    // Closing a connection that was not set up also gets a response, but is no work.
    const toClose = succeeded(setUp);
    const close = await this.#phase(
      () => this.#load.call('close', window),
      () => toClose,
    );
    const closed = await this.#memory();
    const expired: Expiry[] = [];
    for (const count of expiries) expired.push(await this.#expire(count));
    const memory = this.#relays.map(({ id }, index) => {
      const of = (memories: readonly Memory[]) => memories[index] as Memory;
      return memoryOf(id, toClose, [of(before), of(established), of(closed)]);
    });
    return { options: this.#options, idle, setUp, close, expiries: expired, memory };
  }

  async end(): Promise<void> {
    await Promise.all([this.#load.end(), this.#flow.end()]);
    // Node writes a profile only if the relay is closed before its process ends.
    await this.#ofAll(({ program }) => program.call('close', undefined).catch(() => {}));
    await this.#ofAll(({ program }) => program.end());
  }

  async #idle() {
    await this.#flow.call('begin', undefined);
    await setTimeout(IDLE_MS);
    return this.#flow.call('read', undefined);
  }

  #memory(): Promise<Memory[]> {
    this.#progress('collecting garbage');
    return this.#ofAll(({ program }) => program.call('memory', undefined));
  }

  /** Establishes the prepared connections. @throws Error when every set-up failed */
  async #establish(): Promise<WindowedResult> {
    const result = await this.#load.call('establish', this.#options.window);
    if (succeeded(result) === 0) throw new Error(`all ${result.tasks} set-ups failed`);
    return result;
  }

  /**
   * Measures a phase.
   * @param countOf - returns the number of connections with which the phase succeeded
   */
  async #phase<R extends { seconds: number }>(
    run: () => Promise<R>,
    countOf: (result: R) => number,
  ): Promise<Phase & R> {
    await this.#flow.call('begin', undefined);
    const before = await this.#samples();
    const result = await run();
    const after = await this.#samples();
    const flow = await this.#flow.call('read', undefined);
    const connections = countOf(result);
    const relays = this.#relays.map(({ id }, index) =>
      costOf(id, connections, before[index] as RelaySample, after[index] as RelaySample),
    );
    return { ...result, perSecond: connections / result.seconds, relays, flow };
  }

  #samples(): Promise<RelaySample[]> {
    return this.#ofAll(({ program }) => program.call('sample', undefined));
  }

  async #expire(asked: number): Promise<Expiry> {
    this.#progress(`letting ${asked} connections expire`);
    await this.#load.call('prepare', asked);
    const established = await this.#establish();
    const connections = succeeded(established);
    // The flow's legs do not expire.
    const left = this.#relays.length === 1 ? 2 : 1;
    const phase = await this.#phase(
      () => this.#untilExpired(left),
      () => connections,
    );
    return { ...phase, connections, failed: established.failed };
  }

  /** Advances the clocks: at once for one relay, in steps for two, which measure each other. */
  async #untilExpired(left: number): Promise<{ seconds: number }> {
    if (this.#relays.length === 1) await this.#advance(EXPIRY_MS);
    else await this.#advanceInSteps(left);
    const startedAt = performance.now();
    for (let poll = 0; poll < EXPIRY_POLLS_MAX; poll++) {
      const legs = await this.#ofAll(({ program }) => program.call('legs', undefined));
      if (legs.every((count) => count <= left)) {
        return { seconds: (performance.now() - startedAt) / 1_000 };
      }
      await setTimeout(POLL_MS);
    }
    throw new Error('connections did not expire');
  }

  async #advanceInSteps(left: number): Promise<void> {
    for (let ms = 0; ms < EXPIRY_MS; ms += STEP_MS) {
      const legs = await this.#ofAll(({ program }) => program.call('legs', undefined));
      if (legs.every((count) => count <= left)) return;
      await this.#advance(STEP_MS);
      await setTimeout(STEP_PAUSE_MS);
    }
  }

  async #advance(ms: number): Promise<void> {
    await this.#ofAll(({ program }) => program.call('advance', ms));
  }

  #ofAll<R>(action: (relay: RelayProgram) => Promise<R>): Promise<R[]> {
    return Promise.all(this.#relays.map(action));
  }
}

function serviceOf({ serviceAddresses }: RelayRecord): TransportAddress | undefined {
  return serviceAddresses[0];
}

function costOf(
  id: string,
  connections: number,
  before: RelaySample,
  after: RelaySample,
): RelayCost {
  return {
    id,
    controlUsPerConnection: (after.controlUs - before.controlUs) / connections,
    processUsPerConnection: (after.processUs - before.processUs) / connections,
    stallMs: after.stallMs,
    socketDrops: after.socketDrops - before.socketDrops,
  };
}

function memoryOf(
  id: string,
  connections: number,
  [before, established, closed]: readonly [Memory, Memory, Memory],
): RelayMemory {
  const per = (field: keyof Memory) => (established[field] - before[field]) / connections;
  const perConnection = {
    residentBytes: per('residentBytes'),
    privateBytes: per('privateBytes'),
    heapUsedBytes: per('heapUsedBytes'),
    heapTotalBytes: per('heapTotalBytes'),
    externalBytes: per('externalBytes'),
  };
  return { id, before, established, closed, perConnection };
}
