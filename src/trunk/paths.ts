import { familyOf, formatAddress, type TransportAddress } from '../address.js';
import { DATA_PLANE_LIMITS } from '../native/interface.js';
import { listenerHandle } from '../native/transport-handle.js';
import type { Heard, ProbePath, RemoteRelayEntry } from '../native/types.js';
import type { RelayRecord } from '../registry/types.js';
import type { TrunkSocket } from './local-relay.js';
import { PathMtuDiscovery } from './path-mtu-discovery.js';
import { ProbeSupport } from './probe-support.js';
import { ProbeTarget } from './probe-target.js';
import { RELAY_GONE_MS } from './relay-loss.js';

/** Time after which an unanswered first path is left for one that is answered. */
export const FIRST_ANSWER_MS = 300;
/** Minimum gain in round trip for which another path is taken. */
export const PATH_BETTER_MS = 5;
/** Minimum gain in round trip for which another path is taken, as a share. */
export const PATH_BETTER_SHARE = 0.2;
/** Time for which a gain in round trip must last before the path is changed. */
export const PATH_BETTER_FOR_MS = 10_000;
/** Maximum paths to one relay; further ones are not used. */
export const PATHS_MAX = DATA_PLANE_LIMITS.trunkPathsMax;

/**
 * Time in which source ports with a first reply are collected, ms: each change uses up a lane set.
 */
const LANES_OPEN_MS = 100;

/** The ends of a path: one of this relay's sockets and a trunk address of another relay. */
export interface PathAddresses {
  readonly socket: number;
  /** Source IP if the socket is bound to a wildcard and the kernel must not choose. */
  readonly local?: string;
  readonly destination: TransportAddress;
}

/** A path to another relay, and the results of its probes. */
export class Path {
  readonly main = new ProbeTarget();
  /** By worker: probes from the worker's own source port. */
  readonly lanes: readonly ProbeTarget[];
  readonly size = new ProbeTarget();
  readonly mtu: PathMtuDiscovery;
  readonly key: string;
  /** Whether the other relay gets replies to its own probes, and since when (monotonic ms). */
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

  /** What the other relay is told about this relay's probes. */
  get heard(): Heard {
    if (this.main.standing === 'unmeasured') return 'unknown';
    return this.main.isGood ? 'answered' : 'unanswered';
  }

  /** Whether data passes in both directions, as far as is known. */
  get serves(): boolean {
    return this.main.isGood && this.theirs !== 'unanswered';
  }

  /** Returns whether the path has not served for `RELAY_GONE_MS`. */
  isLost(now: number): boolean {
    if (this.main.standing === 'dead') return true;
    return this.theirs === 'unanswered' && now - this.theirsSince >= RELAY_GONE_MS;
  }

  /** Takes the other relay's report about its own probes. */
  said(theirs: Heard, now: number): void {
    if (theirs === this.theirs) return;
    this.theirs = theirs;
    this.theirsSince = now;
  }

  /** Returns how a probe is sent: by the trunk port, or by a worker's own source port. */
  probeAddresses(worker: number | undefined): ProbePath {
    const { socket, local, destination } = this.addresses;
    const handle = listenerHandle('trunk', socket);
    const tuple = { handle, remote: destination, ...(local !== undefined && { local }) };
    return { tuple, ...(worker !== undefined && { worker }) };
  }
}

/** Returns the map key of a path. It includes the source address. */
function keyOf({ socket, local, destination }: PathAddresses): string {
  return `${socket} ${local ?? ''} ${formatAddress(destination)}`;
}

/** This relay's half of the paths. */
export interface LocalPathOptions {
  readonly sockets: readonly TrunkSocket[];
  /** By socket: number of workers with a source port of their own. */
  readonly lanes: readonly number[];
  /** Upper limit of path MTU discovery, bytes of UDP payload. */
  readonly mtuBytesMax: number;
}

/** All paths to one relay, and the choice among them. */
export class RelayPaths {
  /** At most `PATHS_MAX`. */
  all: readonly Path[] = [];
  /** Undefined without a common trunk address family. */
  inUse: Path | undefined;
  probeSupport = new ProbeSupport();
  laneSet = 0;
  /** Number of changes of the path in use. */
  switches = 0;
  #closed: readonly number[] = [];
  #filtered: readonly number[] = [];
  /** Time of the first reply among the ports that are about to be used, monotonic ms. */
  #openingSince: number | undefined;
  #better: { readonly path: Path; readonly since: number } | undefined;
  #local: LocalPathOptions;

  constructor(local: LocalPathOptions) {
    this.#local = local;
  }

  /** Updates the paths for a registration. Paths that persist keep their measurements. */
  update(record: RelayRecord): void {
    const before = new Map(this.all.map((path) => [path.key, path]));
    this.#take(
      pathsTo(record, this.#local.sockets).map(
        (path) =>
          before.get(keyOf(path)) ??
          new Path(path, this.#local.lanes[path.socket] ?? 0, this.#local.mtuBytesMax),
      ),
    );
  }

  /** Removes all paths. */
  clear(): void {
    this.#take([]);
  }

  #take(all: readonly Path[]): void {
    this.all = all;
    if (this.inUse && this.all.includes(this.inUse)) return;
    if (this.inUse) this.#advance();
    this.inUse = this.all[0];
    this.#closed = this.inUse ? unprovenLanes(this.inUse) : [];
    this.#filtered = [];
  }

  /** Discards all measurements after a restart of the relay. */
  restart(record: RelayRecord): void {
    this.all = [];
    this.probeSupport = new ProbeSupport();
    this.update(record);
  }

  /** Chooses the path and the source ports in use. */
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

  /**
   * Takes the next lane set: datagrams in flight on the former path must not fall behind a lane's
   * replay window.
   */
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

  /** Workers without a reply to their own source port: their data leaves from the trunk port. */
  get closedLanes(): readonly number[] {
    return this.#closed;
  }

  /** Workers whose own source port gets no replies while the trunk port does. */
  get filteredLanes(): readonly number[] {
    return this.#filtered;
  }

  /** Whether source ports have been answered that are not used yet. */
  get isOpening(): boolean {
    const { inUse } = this;
    if (inUse?.main.standing !== 'answered') return false;
    return this.#closed.some((worker) => inUse.lanes[worker]?.isProven);
  }

  /** The path MTU of the path in use, bytes of UDP payload; undefined if it cannot be measured. */
  get mtuBytes(): number | undefined {
    return this.probeSupport.kind === 'plain' ? undefined : this.inUse?.mtu.bytes;
  }

  /** The part of `RemoteRelayEntry` that depends on the paths, besides the path in use. */
  get forPlane(): Pick<RemoteRelayEntry, 'laneSet' | 'lanesClosed' | 'paths' | 'bundleBytesMax'> {
    const { mtuBytes } = this;
    return {
      laneSet: this.laneSet,
      lanesClosed: this.#closed,
      paths: this.all.map(({ addresses, heard }) => ({
        socket: addresses.socket,
        remote: addresses.destination,
        heard,
      })),
      ...(mtuBytes !== undefined && { bundleBytesMax: mtuBytes }),
    };
  }

  /** Changes whenever the data plane needs an update. */
  get signature(): string {
    const heard = this.all.map((path) => path.heard);
    return JSON.stringify([this.inUse?.key, this.laneSet, this.#closed, heard, this.mtuBytes]);
  }
}

/**
 * Returns the workers whose source port has not been answered. A firewall may pass the trunk port
 * only, so another port is used only after a reply.
 */
function unprovenLanes({ lanes }: Path): readonly number[] {
  return lanes.flatMap((lane, worker) => (lane.isProven ? [] : [worker]));
}

function rttOf(path: Path): number {
  return path.main.rttNs ?? Number.POSITIVE_INFINITY;
}

/** Returns this relay's sockets, in order, each with the relay's trunk addresses of its family. */
function pathsTo(record: RelayRecord, sockets: readonly TrunkSocket[]): PathAddresses[] {
  return sockets
    .flatMap(({ address, local }, socket) =>
      record.trunkAddresses
        .filter((to) => familyOf(to) === familyOf(address))
        .map((destination) => ({ socket, destination, ...(local !== undefined && { local }) })),
    )
    .slice(0, PATHS_MAX);
}
