import { readProcessUsage } from '../setup/usage.js';
import { clientAddress } from './addresses.js';
import { CleanUp, type OnEnd } from './clean-up.js';
import { makeAllocations, type TurnClientReport } from './contestants/turn-client.js';
import { startTurnServer } from './contestants/turn-server.js';
import type { TurnProgram } from './contestants/turn-spec.js';
import { MemoryGroup } from './memory-group.js';
import type { ToolProcess } from './programs.js';
import type { Omission } from './result.js';
import { firstServer, type Scene } from './scene.js';
import { cpuNs } from './step.js';
import { turnClientObstacle } from './turn-client-tool.js';
import type { Contestant } from './types.js';

/** Default number of allocations that a full run makes. */
export const TURN_ALLOCATIONS = 10_000;

const WINDOW = 64;
/** Addresses of the near end that the clients share. */
const CLIENT_ADDRESSES = 5;
/** Ports of the first client of both parts of the warm-up, above those of the measured ones. */
const FIRST_PORT = 28_000;
const WARM_UP_PORT = 30_000;
const DEFAULTS: TurnSetupsEffort = { rounds: 4, warmUp: 2_000 };
/** Relay addresses besides that of the server's device. */
const MORE_RELAY_ADDRESSES: readonly string[] = ['10.3.0.1', '10.3.0.2'];

/** How much is measured. */
export interface TurnSetupsEffort {
  /** Alternating rounds, of which the first is discarded. */
  readonly rounds: number;
  /**
   * Allocations before the measured ones, in which servers compile and fill their pools; so many
   * again before the first reading of memory.
   */
  readonly warmUp: number;
}

/** One server's allocations in one round. */
export interface TurnSetupRound {
  readonly perSecond: number;
  /** CPU time of the server for each allocation. */
  readonly serverUs: number;
  /** Share of the time in which the client waited for the server. */
  readonly clientIdle: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly retransmissions: number;
  /** Refused allocations by error code; 0 is no response. */
  readonly failures: Readonly<Record<string, number>>;
  /** Memory of the server's process for each allocation after the first ones. */
  readonly residentBytes: number;
  /** The kernel's memory for each allocation; absent if the kernel does not count it. */
  readonly kernelBytes?: number;
}

/** One server's allocations: Allocate, its 401, Allocate again, ChannelBind. */
export interface TurnSetupResult {
  readonly name: string;
  readonly title: string;
  /** Measured allocations of a round; memory counts those of the warm-up's second part too. */
  readonly allocations: number;
  readonly rounds: readonly TurnSetupRound[];
}

/** Results, and what could not be measured. */
export interface TurnSetups {
  readonly results: readonly TurnSetupResult[];
  readonly omissions: readonly Omission[];
}

/** Options of the measurement of allocations. */
export interface TurnSetupsOptions {
  /** Number of allocations; undefined for none. */
  readonly allocations: number | undefined;
  readonly contestants: readonly Contestant[];
  /** Returns a scene with one server. */
  readonly scene: () => Promise<Scene>;
  /** Called with each line of progress. */
  readonly write: (line: string) => void;
  /** Default four rounds with a warm-up of 2,000 allocations. */
  readonly effort?: TurnSetupsEffort;
}

const WHAT = 'Allocations a second and their memory';

/**
 * Measures how many allocations with a channel each TURN server makes a second, and its memory for
 * each, in alternating rounds of which the first is discarded. A failure becomes an omission.
 */
export async function measureTurnSetups(options: TurnSetupsOptions): Promise<TurnSetups> {
  const { allocations, contestants, effort = DEFAULTS } = options;
  const omit = (why: string) => ({ results: [], omissions: [{ what: WHAT, why }] });
  if (allocations === undefined) return omit('measured by a full run only, or with --allocations');
  const obstacle = turnClientObstacle();
  if (obstacle !== undefined) return omit(obstacle);
  const servers = contestants.flatMap(({ name, title, turn }) =>
    turn === undefined ? [] : [{ name, title, turn }],
  );
  if (servers.length === 0) return omit('no TURN server was chosen');
  let scene: Scene;
  try {
    scene = await options.scene();
  } catch (error) {
    return omit((error as Error).message);
  }
  if (scene.kind === 'loopback') return omit('it needs namespaces');
  const rounds = new Map<string, TurnSetupRound[]>(servers.map(({ name }) => [name, []]));
  const omissions: Omission[] = [];
  let left = servers;
  for (let round = 0; round < effort.rounds; round++) {
    for (const one of left) {
      options.write(`allocations: ${one.name}, ${round === 0 ? 'warm-up' : `round ${round}`}`);
      try {
        const measured = await measureRound(scene, one.turn, {
          allocations,
          warmUp: effort.warmUp,
        });
        if (round > 0) rounds.get(one.name)?.push(measured);
      } catch (error) {
        omissions.push({ what: `${WHAT}, ${one.title}`, why: (error as Error).message });
        left = left.filter((each) => each !== one);
      }
    }
  }
  const results = servers.flatMap(({ name, title }) => {
    const measured = rounds.get(name) ?? [];
    return measured.length === 0 ? [] : [{ name, title, allocations, rounds: measured }];
  });
  return { results, omissions };
}

/** Numbers of allocations of a round. */
interface AllocationCounts {
  readonly allocations: number;
  readonly warmUp: number;
}

async function measureRound(
  scene: Scene,
  program: TurnProgram,
  counts: AllocationCounts,
): Promise<TurnSetupRound> {
  const cleanUp = new CleanUp();
  try {
    const result = await measureServer(scene, program, counts, cleanUp.onEnd);
    await cleanUp.run();
    return result;
  } catch (cause) {
    throw await cleanUp.after(cause);
  }
}

async function measureServer(
  scene: Scene,
  program: TurnProgram,
  { allocations, warmUp }: AllocationCounts,
  onEnd: OnEnd,
): Promise<TurnSetupRound> {
  const relayAddresses = await addRelayAddresses(scene, onEnd);
  const group = { now: undefined as MemoryGroup | undefined };
  onEnd(async () => group.now?.remove());
  const server = await startTurnServer(scene, program, relayAddresses, onEnd);
  group.now = MemoryGroup.of(server.pid, `turnpike-bench-${process.pid}`);
  const memory = new ServerMemory(server, program, group.now);
  await allocate(scene, warmUp, FIRST_PORT);
  const before = await memory.read();
  // The collection has taken the room of the young generation, and compiled code.
  const again = await allocate(scene, warmUp, WARM_UP_PORT);
  const cpuBefore = await cpuNs([server.pid]);
  const measured = await allocate(scene, allocations);
  const cpuSpent = (await cpuNs([server.pid])) - cpuBefore;
  const after = await memory.read();
  const failures = { ...again.failures };
  for (const [code, count] of Object.entries(measured.failures)) {
    failures[code] = (failures[code] ?? 0) + count;
  }
  const made = allocations + warmUp - countOf(failures);
  const succeeded = allocations - countOf(measured.failures);
  return {
    perSecond: succeeded / (measured.elapsedNs / 1e9),
    serverUs: cpuSpent / 1e3 / Math.max(1, succeeded),
    clientIdle: Math.max(0, 1 - measured.cpuNs / measured.elapsedNs),
    p50Us: measured.p50Ns / 1e3,
    p99Us: measured.p99Ns / 1e3,
    retransmissions: measured.retransmissions,
    failures,
    residentBytes: (after.resident - before.resident) / Math.max(1, made),
    ...(before.kernel !== undefined &&
      after.kernel !== undefined && {
        kernelBytes: (after.kernel - before.kernel) / Math.max(1, made),
      }),
  };
}

function countOf(failures: TurnClientReport['failures']): number {
  return Object.values(failures).reduce((sum, count) => sum + count, 0);
}

/** Gives the server's host further addresses. @returns all that the server relays from */
async function addRelayAddresses(scene: Scene, onEnd: OnEnd): Promise<string[]> {
  const { near, far } = firstServer(scene);
  const change = (verb: 'replace' | 'del', address: string) =>
    scene.run(near, ['ip', 'addr', verb, `${address}/32`, 'dev', 'lo']);
  for (const address of MORE_RELAY_ADDRESSES) {
    await change('replace', address);
    onEnd(() => change('del', address));
  }
  return [far.address, ...MORE_RELAY_ADDRESSES];
}

function allocate(scene: Scene, flows: number, port?: number): Promise<TurnClientReport> {
  const source = clientAddress(scene.nearNetwork, 0);
  const peer = clientAddress(scene.farNetwork, 0);
  return makeAllocations(scene, {
    flows,
    window: WINDOW,
    portsPerAddress: Math.ceil(flows / CLIENT_ADDRESSES),
    source: `${source.address}:${port ?? source.port}`,
    peer: `${peer.address}:${peer.port}`,
  });
}

/** Reads a server's memory, after it has collected garbage if it has any. */
class ServerMemory {
  readonly #server: ToolProcess;
  readonly #program: TurnProgram;
  readonly #group: MemoryGroup | undefined;
  #collections = 0;

  constructor(server: ToolProcess, program: TurnProgram, group: MemoryGroup | undefined) {
    this.#server = server;
    this.#program = program;
    this.#group = group;
  }

  async read() {
    if (this.#program.collectsGarbage === true) {
      this.#server.process.signal('SIGUSR2');
      await this.#server.line(`collected ${++this.#collections}`);
    }
    const { residentBytes: resident } = readProcessUsage(this.#server.pid);
    return { resident, kernel: this.#group?.kernelBytes() };
  }
}
