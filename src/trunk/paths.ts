import { familyOf, formatAddress, type TransportAddress } from '../address.js';
import { DATA_PLANE_LIMITS } from '../native/interface.js';
import { listenerHandle } from '../native/transport-handle.js';
import type { Heard, ProbeWay, TrunkPeer } from '../native/types.js';
import type { RelayRecord } from '../registry/types.js';
import type { TrunkSocket } from './local-relay.js';
import { PathMtuDiscovery } from './path-mtu-discovery.js';
import { ProbeSupport } from './probe-support.js';
import { ProbeTarget } from './probe-target.js';
import { RELAY_GONE_MS } from './relay-liveness.js';

/** A path that never answered is left for one that did after this long. */
export const FIRST_ANSWER_MS = 300;
/** A path is better than the one in use if its round trip is shorter by this much … */
export const PATH_BETTER_MS = 5;
/** … and by this share … */
export const PATH_BETTER_SHARE = 0.2;
/** … for this long. */
export const PATH_BETTER_FOR_MS = 10_000;
/** Paths to one relay that are probed; the rest is not used. */
export const PATHS_MAX = DATA_PLANE_LIMITS.trunkWaysMax;

/**
 * Ports whose first answers arrive within this time are taken into use together: each change takes
 * another lane, and there are few of those.
 */
const LANES_OPEN_MS = 100;

/** What a path leads from and to: one of our sockets and an address of another relay. */
export interface PathAddresses {
  readonly socket: number;
  /** The local IP where the socket is bound to a wildcard and one must be chosen. */
  readonly local?: string;
  readonly destination: TransportAddress;
}

/** One of our trunk addresses and one of another relay's, and all that probes have shown of it. */
export class Path {
  readonly main = new ProbeTarget();
  /** By worker: from its own port. */
  readonly lanes: readonly ProbeTarget[];
  readonly size = new ProbeTarget();
  readonly mtu: PathMtuDiscovery;
  readonly key: string;
  /** What the other relay says of the answers to its own probes, and since when. */
  theirs: Heard = 'unknown';
  theirsSince = 0;

  constructor(
    readonly addresses: PathAddresses,
    lanes: number,
    mtuBytesMax: number,
  ) {
    this.lanes = Array.from({ length: lanes }, () => new ProbeTarget());
    this.mtu = new PathMtuDiscovery(mtuBytesMax);
    this.key = keyOf(addresses);
  }

  /** What the other relay is told about our probes. */
  get heard(): Heard {
    if (this.main.standing === 'unmeasured') return 'unknown';
    return this.main.isGood ? 'answered' : 'unanswered';
  }

  /** Whether data passes in both directions, as far as is known. */
  get serves(): boolean {
    return this.main.isGood && this.theirs !== 'unanswered';
  }

  /** Whether it is known, and for long enough, that it does not. */
  isLost(now: number): boolean {
    if (this.main.standing === 'dead') return true;
    return this.theirs === 'unanswered' && now - this.theirsSince >= RELAY_GONE_MS;
  }

  /** The other relay has said what it hears. */
  said(theirs: Heard, now: number): void {
    if (theirs === this.theirs) return;
    this.theirs = theirs;
    this.theirsSince = now;
  }

  /** How a probe from a source port leaves. */
  probeAddresses(worker: number | undefined): ProbeWay {
    const { socket, local, destination } = this.addresses;
    const handle = listenerHandle('trunk', socket);
    const tuple = { handle, remote: destination, ...(local !== undefined && { local }) };
    return { tuple, ...(worker !== undefined && { worker }) };
  }
}

/** Also what it leaves from: from another address it is another path. */
function keyOf({ socket, local, destination }: PathAddresses): string {
  return `${socket} ${local ?? ''} ${formatAddress(destination)}`;
}

/** What the paths to a relay are made of on our side. */
export interface LocalPathOptions {
  readonly sockets: readonly TrunkSocket[];
  /** By socket: how many workers have a port of their own. */
  readonly lanes: readonly number[];
  /** The longest datagram of interest. */
  readonly mtuBytesMax: number;
}

/** Every path to one relay, and which of them is in use. */
export class RelayPaths {
  /** At most PATHS_MAX. */
  all: readonly Path[] = [];
  /** Undefined when no trunk address family is in common. */
  inUse: Path | undefined;
  probeSupport = new ProbeSupport();
  laneSet = 0;
  /** Times that another path came into use. */
  switches = 0;
  #closed: readonly number[] = [];
  #filtered: readonly number[] = [];
  /** When the first of the ports was answered that are to be taken into use. */
  #openingSince: number | undefined;
  #better: { readonly path: Path; readonly since: number } | undefined;
  #local: LocalPathOptions;

  constructor(local: LocalPathOptions) {
    this.#local = local;
  }

  /** Takes the paths that a registration makes possible; those that were there stay as they are. */
  update(record: RelayRecord): void {
    const before = new Map(this.all.map((path) => [path.key, path]));
    this.all = pathsTo(record, this.#local.sockets).map(
      (path) =>
        before.get(keyOf(path)) ??
        new Path(path, this.#local.lanes[path.socket] ?? 0, this.#local.mtuBytesMax),
    );
    if (this.inUse && this.all.includes(this.inUse)) return;
    if (this.inUse) this.#advance();
    this.inUse = this.all[0];
    this.#closed = this.inUse ? unprovenLanes(this.inUse) : [];
    this.#filtered = [];
  }

  /** A relay started anew: what it was asked before says nothing of it. */
  restart(record: RelayRecord): void {
    this.all = [];
    this.probeSupport = new ProbeSupport();
    this.update(record);
  }

  /** Decides which path and which ports are in use. */
  choose(now: number): void {
    const inUse = this.inUse;
    if (inUse === undefined) return;
    const next = this.#choose(inUse, now);
    const closed = next === inUse ? this.#closedLanes(inUse, now) : unprovenLanes(next);
    if (next !== inUse) {
      this.inUse = next;
      this.#better = undefined;
      this.switches += 1;
    }
    if (next !== inUse || String(closed) !== String(this.#closed)) this.#advance();
    this.#closed = closed;
    if (next.main.standing === 'answered') {
      this.#filtered = next.lanes.flatMap((lane, worker) => (lane.isGood ? [] : [worker]));
    }
  }

  /** What is still under way in the lanes of before would come too late there. */
  #advance(): void {
    this.laneSet = (this.laneSet + 1) % DATA_PLANE_LIMITS.laneSets;
  }

  #choose(inUse: Path, now: number): Path {
    const others = this.all.filter(
      (path) => path !== inUse && path.serves && path.main.rttNs !== undefined,
    );
    const best = others.toSorted((a, b) => rttOf(a) - rttOf(b))[0];
    if (best === undefined) return inUse;
    const neverAnswered =
      inUse.main.rttNs === undefined && inUse.main.waitingMs(now) >= FIRST_ANSWER_MS;
    if (!inUse.serves || neverAnswered) return best;
    const gainNs = rttOf(inUse) - rttOf(best);
    const isBetter =
      inUse.main.rttNs !== undefined &&
      gainNs > PATH_BETTER_MS * 1e6 &&
      gainNs > PATH_BETTER_SHARE * rttOf(inUse);
    if (!isBetter) this.#better = undefined;
    else if (this.#better?.path !== best) this.#better = { path: best, since: now };
    else if (now - this.#better.since >= PATH_BETTER_FOR_MS) return best;
    return inUse;
  }

  #closedLanes(path: Path, now: number): readonly number[] {
    if (path.main.standing !== 'answered') return this.#closed;
    const unproven = unprovenLanes(path);
    this.#openingSince = this.isOpening ? (this.#openingSince ?? now) : undefined;
    if (now - (this.#openingSince ?? now) >= LANES_OPEN_MS) return unproven;
    return [...new Set([...this.#closed, ...unproven])].sort((a, b) => a - b);
  }

  /** Workers whose own port is not known to be answered: their data leaves from the trunk port. */
  get closedLanes(): readonly number[] {
    return this.#closed;
  }

  /** Those whose own port is not answered while the trunk address is. */
  get filteredLanes(): readonly number[] {
    return this.#filtered;
  }

  /** Whether ports have been answered that are to be taken into use when their time has come. */
  get isOpening(): boolean {
    const { inUse } = this;
    if (inUse?.main.standing !== 'answered') return false;
    return this.#closed.some((worker) => inUse.lanes[worker]?.isProven);
  }

  /** The longest datagram that passes the path in use; undefined where that cannot be known. */
  get mtuBytes(): number | undefined {
    return this.probeSupport.kind === 'plain' ? undefined : this.inUse?.mtu.bytes;
  }

  /** What the data plane is told of them, besides the path. */
  get forPlane(): Pick<TrunkPeer, 'laneSet' | 'lanesClosed' | 'ways' | 'bundleBytesMax'> {
    const { mtuBytes } = this;
    return {
      laneSet: this.laneSet,
      lanesClosed: this.#closed,
      ways: this.all.map(({ addresses, heard }) => ({
        socket: addresses.socket,
        remote: addresses.destination,
        heard,
      })),
      ...(mtuBytes !== undefined && { bundleBytesMax: mtuBytes }),
    };
  }

  /** Changes whenever the data plane must be told anew. */
  get signature(): string {
    const heard = this.all.map((path) => path.heard);
    return JSON.stringify([this.inUse?.key, this.laneSet, this.#closed, heard, this.mtuBytes]);
  }
}

/** A firewall may let the trunk port through alone: another one counts once it was answered. */
function unprovenLanes({ lanes }: Path): readonly number[] {
  return lanes.flatMap((lane, worker) => (lane.isProven ? [] : [worker]));
}

function rttOf(path: Path): number {
  return path.main.rttNs ?? Number.POSITIVE_INFINITY;
}

/** Our sockets, in order, with each of the relay's trunk addresses of the same family. */
function pathsTo(record: RelayRecord, sockets: readonly TrunkSocket[]): PathAddresses[] {
  return sockets
    .flatMap(({ address, local }, socket) =>
      record.trunkAddresses
        .filter((to) => familyOf(to) === familyOf(address))
        .map((destination) => ({ socket, destination, ...(local !== undefined && { local }) })),
    )
    .slice(0, PATHS_MAX);
}
