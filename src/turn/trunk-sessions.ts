import { formatAddress, type TransportAddress } from '../address.js';
import { type Timed, TimingWheel } from '../collections/timing-wheel.js';
import type { Incarnation } from '../registry/incarnation.js';
import type { BindRequest } from '../trunk/bind-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { RelayedTransportAddress } from './allocation.js';
import { BIND_REFUSALS, type BindRefusal } from './bind-stats.js';
import type { TrunkMeans } from './trunk-peers.js';
import { TURN_LIMITS } from './turn-limits.js';
import type { PortRange } from './turn-options.js';

/** Maximum sessions by which other relays' clients send to relayed transport addresses. */
export const TRUNK_SESSIONS_MAX = 65_536;

/** Time for which another relay's peer is bound. */
export const TRUNK_SESSION_SECONDS = 120;

/**
 * Lifetime of the data plane's entry beyond the binding's. The rules end a binding; the plane ends
 * the entry only if they do not run.
 */
const ENTRY_GRACE_SECONDS = 10;

/** What another relay's client sends to a relayed transport address here. */
interface TrunkSession extends Timed {
  readonly key: string;
  readonly remote: RemoteRelay;
  /** The other relay's incarnation that asked for it. */
  readonly incarnation: Incarnation;
  readonly relayed: RelayedTransportAddress;
  readonly index: number;
}

/** Which relayed transport addresses there are, and which peers they may have. */
export interface SessionRules {
  /** Returns the relayed transport address here with an advertised address. */
  relayedAt(address: TransportAddress): RelayedTransportAddress | undefined;
  /** Returns the only ports that peers at an IP address may have, if not all. */
  portsOf(address: string): PortRange | undefined;
}

/**
 * The session indexes that other relays got for what their clients send to allocations here
 * (PROTOCOL.md section 3). The data plane checks each record as what the peer would send as bare
 * UDP.
 */
export class TrunkSessions {
  readonly #means: TrunkMeans;
  readonly #rules: SessionRules;
  readonly #byKey = new Map<string, TrunkSession>();
  readonly #byIndex = new Map<number, TrunkSession>();
  readonly #byRelayed = new Map<RelayedTransportAddress, Set<TrunkSession>>();
  readonly #wheel: TimingWheel<TrunkSession>;

  constructor(means: TrunkMeans, rules: SessionRules) {
    this.#means = means;
    this.#rules = rules;
    this.#wheel = new TimingWheel(250, means.clock.monotonic(), ({ relayed }) => relayed.share);
  }

  /** Number of sessions. */
  get size(): number {
    return this.#byKey.size;
  }

  /** Returns whether a session index is bound here. */
  isBound(index: number): boolean {
    return this.#byIndex.has(index);
  }

  /**
   * Answers a request, and binds or prolongs.
   * @param repeated - whether the request was processed before: then it changes nothing
   * @returns the relayed transport address whose client permits the peer
   */
  asked(
    remote: RemoteRelay,
    request: BindRequest,
    repeated: boolean,
  ): RelayedTransportAddress | undefined {
    const { trunk } = this.#means;
    const { transactionId, from, to } = request;
    const relayed = this.#rules.relayedAt(to);
    const session = this.#sessionFor(remote, request, relayed, repeated);
    if (typeof session === 'string') {
      trunk.stats.refusals[session] += 1;
      const code = BIND_REFUSALS[session];
      trunk.send(remote, { type: 'bind-refused', transactionId, code }, 0);
    } else {
      const lifetimeSeconds = TRUNK_SESSION_SECONDS;
      const { index: sessionIndex } = session;
      const accepted = { type: 'bind-accepted', transactionId, sessionIndex } as const;
      trunk.send(remote, { ...accepted, lifetimeSeconds }, 0);
    }
    return relayed && this.#speaksFor(remote, from) && permits(relayed, from) ? relayed : undefined;
  }

  /** Returns the session that a request is for, or the reason of its refusal. */
  #sessionFor(
    remote: RemoteRelay,
    { from, to }: BindRequest,
    relayed: RelayedTransportAddress | undefined,
    repeated: boolean,
  ): TrunkSession | BindRefusal {
    if (relayed === undefined) return 'no-allocation';
    if (!this.#speaksFor(remote, from)) return 'address-not-own';
    if (!permits(relayed, from)) return 'not-permitted';
    const key = `${remote.id} ${formatAddress(from)} ${formatAddress(to)}`;
    let known = this.#byKey.get(key);
    const isOfAnother =
      known !== undefined && (known.remote !== remote || known.incarnation !== remote.incarnation);
    if (repeated) return known && !isOfAnother ? known : 'repeated';
    if (known !== undefined && (isOfAnother || known.relayed !== relayed)) {
      this.#end(known);
      known = undefined;
    }
    return this.#put(known ?? this.#make(key, remote, relayed), from);
  }

  /** A relay speaks for its own registered addresses and the ports of relayed ones alone. */
  #speaksFor(remote: RemoteRelay, { address, port }: TransportAddress): boolean {
    if (this.#means.trunk.relayAt(address) !== remote) return false;
    const ports = this.#rules.portsOf(address);
    return port !== 0 && (ports === undefined || (port >= ports.min && port <= ports.max));
  }

  #make(
    key: string,
    remote: RemoteRelay,
    relayed: RelayedTransportAddress,
  ): TrunkSession | undefined {
    const { trunk, clock, limits } = this.#means;
    const ofRelayed = this.#byRelayed.get(relayed)?.size ?? 0;
    if (ofRelayed >= limits().permissionsMax) return undefined;
    const index = trunk.indexes.take(clock.monotonic());
    if (index === undefined) return undefined;
    return { key, remote, incarnation: remote.incarnation, relayed, index };
  }

  #put(session: TrunkSession | undefined, from: TransportAddress): TrunkSession | BindRefusal {
    if (session === undefined) return 'no-room';
    const { forwarding, clock } = this.#means;
    const { relayed, index, remote } = session;
    const tuple = { handle: relayed.handle, remote: from };
    const action = { relayIndex: remote.relayIndex, tuple };
    const lifetimeSeconds = TRUNK_SESSION_SECONDS + ENTRY_GRACE_SECONDS;
    if (!forwarding.putTrunkSession(index, action, lifetimeSeconds)) {
      if (!this.#byIndex.has(index)) this.#means.trunk.indexes.free(index, clock.monotonic());
      return 'no-room';
    }
    this.#byKey.set(session.key, session);
    this.#byIndex.set(index, session);
    const ofRelayed = this.#byRelayed.get(relayed);
    if (ofRelayed) ofRelayed.add(session);
    else this.#byRelayed.set(relayed, new Set([session]));
    this.#wheel.set(session, clock.monotonic() + TRUNK_SESSION_SECONDS * 1_000);
    return session;
  }

  /** Ends the sessions of a relayed transport address that ends, and tells the other relays. */
  endRelayed(relayed: RelayedTransportAddress): void {
    const { trunk, random } = this.#means;
    for (const session of this.#byRelayed.get(relayed) ?? []) {
      this.#end(session);
      const subject = { sessionIndex: session.index };
      trunk.send(session.remote, { type: 'close', transactionId: random(12), subject }, 0);
    }
  }

  /** Ends what has expired, within bounds. @returns whether work is left */
  tick(): boolean {
    const now = this.#means.clock.monotonic();
    for (const each of this.#wheel.turn(now, TURN_LIMITS.endedAtOnce)) this.#end(each);
    return this.#wheel.ripe;
  }

  #end(session: TrunkSession): void {
    const { trunk, forwarding, clock } = this.#means;
    const { key, index, relayed } = session;
    forwarding.removeTrunkSession(index);
    trunk.indexes.free(index, clock.monotonic());
    this.#byKey.delete(key);
    this.#byIndex.delete(index);
    const ofRelayed = this.#byRelayed.get(relayed);
    ofRelayed?.delete(session);
    if (ofRelayed?.size === 0) this.#byRelayed.delete(relayed);
    this.#wheel.clear(session);
  }
}

/** Returns whether a client permits a peer, as for bare UDP. */
function permits({ allocation }: RelayedTransportAddress, from: TransportAddress): boolean {
  return (
    allocation.permissions.get(from.address) !== undefined ||
    allocation.channelOf(from)?.state === 'bound'
  );
}
