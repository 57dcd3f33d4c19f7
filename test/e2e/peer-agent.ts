import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { TransportAddress } from '../../src/address.js';
import type { TrafficCounts } from '../../src/cli/demo/events.js';
import type { ConnectionGrant, PeerHints } from '../../src/client/index.js';
import type { Lab, LabHost } from '../../src/lab/index.js';
import type { LegQuality } from '../../src/stun/leg-quality.js';
import { spawnTypeScript } from '../lab/agent.js';
import { type RemoteFailure, RpcClient } from '../lab/rpc.js';
import type {
  DirectorySettings,
  FlowSettings,
  PeerClosed,
  PeerFacts,
  PeerMethods,
  Speech,
  SpeechSettings,
} from './peer-methods.js';

const PROGRAM = fileURLToPath(new URL('./programs/peer-agent.ts', import.meta.url));

/** Enough to notice a fault, and few enough for 16 pairs on two processors. */
const FLOW = { packetsPerSecond: 100, payloadBytes: 1_200, pingIntervalMs: 100 } as const;

/** Interval between two looks at the counts, and number of looks without an arrival at the end. */
const LOOK_MS = 100;
const QUIET_LOOKS = 20;

/** The test's side of a `peer-agent` process. */
export class PeerAgent {
  readonly host: LabHost;
  readonly #access: DirectorySettings;
  readonly #rpc: RpcClient<PeerMethods, PeerClosed>;
  readonly #closed = new Map<number, (failure: RemoteFailure | null) => void>();

  constructor(lab: Lab, host: LabHost, access: DirectorySettings) {
    this.host = host;
    this.#access = access;
    this.#rpc = new RpcClient(spawnTypeScript(lab, host, PROGRAM), ({ peer, failure }) =>
      this.#closed.get(peer)?.(failure),
    );
  }

  /** Waits until the directory lists these relays. */
  async untilServing(ids: readonly string[]): Promise<void> {
    for (;;) {
      const relays = await this.#rpc.call('relays', this.#access);
      if (ids.every((id) => relays.includes(id))) return;
      await sleep(100);
    }
  }

  /** Joins a room, and resolves when the peer is connected. */
  async join(room: string, hints: PeerHints = {}): Promise<RemotePeer> {
    return this.#remote(await this.#rpc.call('join', { ...this.#access, room, hints }));
  }

  /** Creates connections at the directory. @returns both grants of each */
  create(count: number, hints: readonly [PeerHints, PeerHints]) {
    return this.#rpc.call('create', { ...this.#access, count, hints });
  }

  /** Opens peers for all grants at once. */
  async open(grants: readonly ConnectionGrant[]): Promise<RemotePeer[]> {
    const opened = await this.#rpc.call('open', { grants });
    return opened.map((facts) => this.#remote(facts));
  }

  /** Connects all peers at once, each to the address with its index. */
  async connect(
    peers: readonly RemotePeer[],
    peerAddresses: readonly TransportAddress[],
  ): Promise<void> {
    const pairs = peers.map(({ number }, index) => {
      const peerAddress = peerAddresses[index];
      if (peerAddress === undefined) throw new Error('an address for each peer');
      return { peer: number, peerAddress };
    });
    await this.#rpc.call('connect', { peers: pairs });
  }

  /** Starts to send on these peers, and to answer pings of the other peers. */
  async flow(peers: readonly RemotePeer[], settings: Partial<FlowSettings> = {}): Promise<void> {
    await this.#rpc.call('flow', { ...FLOW, ...settings, peers: numbers(peers) });
  }

  /** Waits until each peer has sent this many packets, and stops it. */
  async sendOut(peers: readonly RemotePeer[], packets: number): Promise<void> {
    await this.#rpc.call('sendOut', { peers: numbers(peers), packets });
  }

  async halt(peers: readonly RemotePeer[]): Promise<void> {
    await this.#rpc.call('halt', { peers: numbers(peers) });
  }

  counts(peers: readonly RemotePeer[]): Promise<TrafficCounts[]> {
    return this.#rpc.call('counts', { peers: numbers(peers) });
  }

  /** Sends this many messages on each peer. @returns all that each has sent so far */
  say(
    peers: readonly RemotePeer[],
    settings: Pick<SpeechSettings, 'messages' | 'payloadBytes'>,
  ): Promise<Speech[]> {
    return this.#rpc.call('say', { ...settings, peers: numbers(peers) });
  }

  heard(peers: readonly RemotePeer[]): Promise<Speech[]> {
    return this.#rpc.call('heard', { peers: numbers(peers) });
  }

  /** Lets all peers tell their relays this of their legs, whatever they measure. */
  async claim(quality: LegQuality): Promise<void> {
    await this.#rpc.call('claim', quality);
  }

  async close(peers: readonly RemotePeer[]): Promise<void> {
    await this.#rpc.call('close', { peers: numbers(peers) });
  }

  #remote(facts: PeerFacts): RemotePeer {
    const closed = new Promise<RemoteFailure | null>((resolve) => {
      this.#closed.set(facts.peer, resolve);
    });
    return { ...facts, number: facts.peer, agent: this, closed };
  }
}

/** A peer inside a namespace. */
export interface RemotePeer extends Omit<PeerFacts, 'peer'> {
  readonly number: number;
  readonly agent: PeerAgent;
  /** Resolves when its connection ends: with the failure, or null after `close`. */
  readonly closed: Promise<RemoteFailure | null>;
}

/** Two peers of one connection. */
export type RemotePair = readonly [RemotePeer, RemotePeer];

/** Lets two agents join a room. @returns the two connected peers */
export async function joinBoth(
  room: string,
  [a, b]: readonly [PeerAgent, PeerAgent],
  hints: readonly [PeerHints, PeerHints] = [{ region: 'west' }, { region: 'east' }],
): Promise<RemotePair> {
  return Promise.all([a.join(room, hints[0]), b.join(room, hints[1])]);
}

/** Packets sent and received in one direction. */
export interface Delivery {
  readonly sent: number;
  readonly received: number;
}

/**
 * Sends packets both ways on a pair and waits until no more arrive.
 * @returns the counts from the first peer to the second, and back
 */
export async function exchange(
  [a, b]: RemotePair,
  packets: number,
  settings: Partial<FlowSettings> = {},
): Promise<readonly Delivery[]> {
  await Promise.all([a.agent.flow([a], settings), b.agent.flow([b], settings)]);
  await Promise.all([a.agent.sendOut([a], packets), b.agent.sendOut([b], packets)]);
  return (await settled([[a, b]])).flat();
}

/**
 * Waits until all packets have arrived, or none has arrived for `QUIET_LOOKS` looks.
 * @param pairs - pairs that have stopped sending, all between the same two agents
 */
export async function settled(
  pairs: readonly RemotePair[],
): Promise<(readonly [Delivery, Delivery])[]> {
  const [first] = pairs;
  if (first === undefined) return [];
  let before = -1;
  for (let quiet = 0; ; quiet++) {
    const [atA, atB] = await Promise.all([
      first[0].agent.counts(pairs.map(([a]) => a)),
      first[1].agent.counts(pairs.map(([, b]) => b)),
    ]);
    const deliveries = atA.map((a, index) => {
      const b = atB[index] ?? a;
      return [
        { sent: a.sentPackets, received: b.receivedPackets },
        { sent: b.sentPackets, received: a.receivedPackets },
      ] as const;
    });
    const all = deliveries.flat();
    const received = all.reduce((sum, delivery) => sum + delivery.received, 0);
    const sent = all.reduce((sum, delivery) => sum + delivery.sent, 0);
    if (received > before) quiet = 0;
    if (received === sent || quiet === QUIET_LOOKS) return deliveries;
    before = received;
    await sleep(LOOK_MS);
  }
}

function numbers(peers: readonly RemotePeer[]): number[] {
  return peers.map(({ number }) => number);
}
