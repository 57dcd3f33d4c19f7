import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressFamily } from '../../src/address.js';
import { type LabHost, LoggedProcess } from '../../src/lab/index.js';
import { run } from '../../src/lab/tools.js';
import { TURNPIKE, World } from '../e2e/world.js';
import type { TestLab } from '../lab/test-lab.js';
import { AgentProcess, type Description } from './agent-process.js';
import { Capture, type Judgement } from './capture.js';
import type { Stack } from './stack-catalogue.js';

/** Bytes that one agent of a pair sends to the other. */
export const SENT_BYTES = 10_000_000;
/** Time for a pair on a machine that is busy with other tests. */
const PAIR_MS = 120_000;
/** The lab's addresses are those of documentation, which are no peers by default. */
const LAB_RANGES = ['192.0.2.0/24', '203.0.113.0/24', '2001:db8::/32'];

/** The relays of a cluster, between which nothing but the trunk is open. */
const RELAYS = ['relay-a', 'relay-b'] as const;

/** The ways in which a pair is tested, with the hosts of both agents' servers. */
const SERVERS = {
  'one server': ['server', 'server'],
  'two servers': ['server', 'relay-a'],
  'two relays of a cluster': RELAYS,
} as const;

/** On which servers the two agents of a pair have their allocations. */
export type Servers = keyof typeof SERVERS;

export const WAYS = Object.keys(SERVERS) as readonly Servers[];

/** What came of a pair. */
export interface PairResult {
  readonly seconds: number;
  /** What tshark has found at the agent that sends and at the one that receives. */
  readonly judgements: readonly [Judgement, Judgement];
  /** Datagrams that the relays of the cluster have sent over their trunk for clients, meanwhile. */
  readonly byTrunk: number;
}

/**
 * A lab with a TURN server of its own, a cluster of two relays with TURN, and two hosts, each
 * behind a symmetric NAT of its own.
 */
export class Arena {
  readonly lab: TestLab;
  readonly hosts: readonly [LabHost, LabHost];
  readonly #server: LabHost;
  #world: World | undefined;
  #folder = '';

  constructor(lab: TestLab) {
    this.lab = lab;
    const behind = (name: string) =>
      lab.host(name, { behind: lab.nat(`nat-${name}`, { behaviour: 'symmetric' }) });
    this.#server = lab.host('server');
    this.hosts = [behind('first'), behind('second')];
  }

  /** Makes the networks and starts the servers. Close the lab and then the arena. */
  async open(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'turnpike-capture-'));
    const plans = RELAYS.map((id) => ({ id, region: id }));
    const world = await World.within(this.lab, plans);
    this.#world = world;
    const options = ['--user', 'alice:secret', '--mobility'];
    options.push(...LAB_RANGES.flatMap((range) => ['--allow-peer', range]));
    for (const id of RELAYS) world.relayOptions.set(id, options);
    await world.start();
    const argv = [process.execPath, TURNPIKE, 'turn', ...options];
    const log = new LoggedProcess('server', this.lab.spawn(this.#server, argv));
    await Promise.race([log.listening, log.ended]);
    for (const { namespace, uplink } of [
      this.#server,
      ...RELAYS.map((id) => world.relayHost(id)),
    ]) {
      // Otherwise captures have several datagrams as one packet.
      await run(['ip', '-n', namespace, 'link', 'set', uplink, 'gso_max_segs', '1']);
    }
    await world.untilTrunked(...RELAYS);
    await world.blockBareUdp(...RELAYS);
  }

  /** The address of the server that is in no cluster. */
  serverAddress(family: AddressFamily): string {
    return this.#server.addresses[family] ?? '';
  }

  /** The addresses of both agents' servers. */
  #addressesOf(servers: Servers): string[] {
    return SERVERS[servers].map((name) => {
      const host = name === 'server' ? this.#server : this.#world?.relayHost(name);
      return host?.addresses[4] ?? '';
    });
  }

  async #byTrunk(): Promise<number> {
    const counts = RELAYS.map((id) => this.#world?.counter(id, 'peer_by_trunk') ?? 0);
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  /**
   * Captures and judges what passes both hosts while something is done.
   * @returns the value of `action`, and what tshark has found at each host
   */
  async captured<T>(action: () => Promise<T>): Promise<[T, readonly [Judgement, Judgement]]> {
    const [first, second] = this.hosts;
    const start = (host: LabHost) =>
      Capture.start(this.lab, host, join(this.#folder, `${host.name}.pcapng`));
    const [one, two] = await Promise.all([start(first), start(second)]);
    try {
      const value = await action();
      return [value, await Promise.all([one.judge(), two.judge()])];
    } finally {
      await Promise.all([one.stop(), two.stop()]);
    }
  }

  /**
   * Runs an agent of each stack. The first sends `SENT_BYTES` to the second, by relays alone. An
   * agent that gives up its allocation although the server has refused nothing is run once more.
   * @throws if they do not arrive unchanged, or an agent offers another way than its server's relay
   */
  async pair(stacks: readonly [Stack, Stack], servers: Servers): Promise<PairResult> {
    const first = await this.#attempt(stacks, servers);
    if (!(first instanceof Failure)) return first;
    if (!first.isOfAgent) throw first.error;
    const second = await this.#attempt(stacks, servers);
    if (second instanceof Failure) throw second.error;
    return second;
  }

  async #attempt(stacks: readonly [Stack, Stack], servers: Servers): Promise<PairResult | Failure> {
    const byTrunkBefore = await this.#byTrunk();
    const begin = performance.now();
    const [outcome, judgements] = await this.captured(async () => {
      const error = await this.#exchange(stacks, servers).then(
        () => undefined,
        (reason: unknown) => reason as Error,
      );
      return { error, seconds: (performance.now() - begin) / 1_000 };
    });
    if (outcome.error !== undefined) return new Failure(outcome.error, judgements);
    const byTrunk = (await this.#byTrunk()) - byTrunkBefore;
    return { seconds: outcome.seconds, judgements, byTrunk };
  }

  async #exchange(stacks: readonly [Stack, Stack], servers: Servers): Promise<void> {
    const addresses = this.#addressesOf(servers);
    const agents = (['offer', 'answer'] as const).map((role, index) => {
      const server = {
        urls: `turn:${addresses[index]}:3478?transport=udp`,
        username: 'alice',
        credential: 'secret',
      };
      const host = this.hosts[index] as LabHost;
      const task = { role, server, bytes: SENT_BYTES };
      return new AgentProcess(this.lab, host, stacks[index] as Stack, task);
    });
    const [first, second] = agents as [AgentProcess, AgentProcess];
    const timer = setTimeout(() => {
      for (const agent of agents) agent.giveUp(`not done after ${PAIR_MS / 1_000} s`);
    }, PAIR_MS);
    try {
      const offer = await first.hear('description');
      second.say({ description: onlyRelayed(offer, addresses[0]) });
      const answer = await second.hear('description');
      first.say({ description: onlyRelayed(answer, addresses[1]) });
      await Promise.race([first.hear('done'), second.hear('error')]);
      await Promise.all(agents.map((agent) => agent.close()));
    } finally {
      clearTimeout(timer);
      await Promise.all(agents.map((agent) => agent.kill()));
    }
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
    await this.#world?.close();
  }
}

/** An agent that has no candidates. */
class NoCandidates extends Error {}

/** Why a pair has failed, and what the server had to do with it. */
class Failure {
  readonly error: Error;
  /** Whether an agent has given up for a reason that is not the server's. */
  readonly isOfAgent: boolean;

  constructor(cause: Error, judgements: readonly Judgement[]) {
    const refusals = judgements.flatMap((each) => each.refusals);
    const transactions = judgements.map((each) => each.transactions).join(' and ');
    const said = refusals.length === 0 ? 'nothing' : refusals.join(', ');
    const about = `the server refused ${said}; ${transactions} requests and responses`;
    this.error = new Error(`${cause.message}; ${about}`, { cause });
    this.isOfAgent = cause instanceof NoCandidates && refusals.length === 0;
  }
}

/**
 * Checks that a description has candidates of a server's relay and no others.
 * @returns the description
 */
function onlyRelayed(description: Description, address: string | undefined): Description {
  const lines = description.candidates ?? description.sdp?.match(/candidate:.*/g) ?? [];
  const others = lines.filter((line) => !line.includes(` ${address} `) || !/ typ relay/.test(line));
  if (lines.length === 0) throw new NoCandidates('an agent has no candidates');
  if (others.length > 0) throw new Error(`an agent has other candidates: ${others.join(', ')}`);
  return description;
}
