import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';
import type { ClientSources } from './client-sources.js';
import type { ConnectionBounds } from './file-descriptors.js';

/**
 * Age from which a connection without a first request, or with an unfinished one, may be closed to
 * make room.
 */
export const FIRST_REQUEST_MS = 1_000;
/** Maximum connections of one relay; a further one closes the oldest. */
export const CONNECTIONS_PER_RELAY_MAX = 4;

/**
 * State of a connection. `new`: no request yet. `busy`: a request is under way. `idle`: kept alive
 * between requests. `relay`: has carried a relay's genuine request. `room`: a rendezvous socket.
 */
type Use = 'new' | 'busy' | 'idle' | 'relay' | 'room';

interface Connection {
  readonly socket: Socket;
  /** The key of the connection: remote address and port. */
  readonly ends: string;
  /** Undefined for a trusted proxy: then the connection counts for no source. */
  readonly source: string | undefined;
  /** The IPv6 /48 of the source; undefined for IPv4. */
  readonly network: string | undefined;
  use: Use;
  /** The id of the relay whose genuine request it has carried. */
  relay?: string;
  /** Whether it has carried a request with an API key, so that it does not count for its source. */
  hasKey: boolean;
  /** When the connection was accepted, or its last request began or ended; monotonic ms. */
  sinceMs: number;
  isGone: boolean;
}

/**
 * Identifies a connection by its remote address and port, because with TLS the request's socket is
 * another object than the accepted one.
 */
type Ends = Pick<Socket, 'remoteAddress' | 'remotePort'>;

/** At the bound, up to 1/256 of all connections is closed at a time. */
const CONNECTIONS_A_BATCH = 256;
/** A source or network is large if it has at least 1/16 of the maximum number of connections. */
const LARGE_SOURCE = 16;

/**
 * Bounds the connections of an HTTP server. At the bound it closes connections that have been idle
 * longest, first those of the source or network with most connections, so that idle connections do
 * not keep new ones out. Connections without an API key are bounded per source and network, and a
 * reserve is kept for relays.
 */
export class ConnectionLimiter {
  /** Idle or slow connections closed to make room. */
  closedIdle = 0;
  /** Connections refused because none could be closed. */
  refused = 0;
  /** Connections closed or refused because their source or network was at its bound. */
  ofSource = 0;
  readonly #bounds: ConnectionBounds;
  readonly #sources: Pick<ClientSources, 'nameOf' | 'networkOf'>;
  readonly #clock: Clock;
  readonly #connections = new Map<string, Connection>();
  /** The connection of a request's socket, once it was found by its ends. */
  readonly #known = new WeakMap<Ends, Connection>();
  /** Connections that count for a source and its network, by either. */
  readonly #bySource = new Map<string, Set<Connection>>();
  readonly #byNetwork = new Map<string, Set<Connection>>();
  /** Relays' connections by id, the oldest first. */
  readonly #byRelay = new Map<string, Set<Connection>>();
  /** Number of relays' connections. */
  #relays = 0;

  constructor(
    bounds: ConnectionBounds,
    sources: Pick<ClientSources, 'nameOf' | 'networkOf'>,
    clock: Clock,
  ) {
    this.#bounds = bounds;
    this.#sources = sources;
    this.#clock = clock;
  }

  /** Number of open connections. */
  get size(): number {
    return this.#connections.size;
  }

  /** Adds a connection that the server has accepted, or destroys it if there is no room. */
  accept(socket: Socket): void {
    // A connection that was reset before it was accepted has no remote address.
    if (socket.remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const source = this.#sources.nameOf(socket.remoteAddress);
    const network = this.#sources.networkOf(socket.remoteAddress);
    if (!this.#hasRoomFor(source, network)) {
      socket.destroy();
      return;
    }
    const ends = endsOf(socket);
    const sinceMs = this.#clock.monotonic();
    const fresh = { use: 'new', hasKey: false, isGone: false } as const;
    const connection: Connection = { socket, ends, source, network, sinceMs, ...fresh };
    // The kernel may reuse an address and port before Node reports the close.
    const former = this.#connections.get(ends);
    if (former !== undefined) this.#forget(former);
    this.#connections.set(ends, connection);
    join(this.#bySource, source, connection);
    join(this.#byNetwork, network, connection);
    socket.once('close', () => this.#forget(connection));
  }

  /** Notes that a request has begun (`underWay`), or that its response has been sent. */
  request(of: Ends, underWay: boolean): void {
    const connection = this.#of(of);
    if (connection === undefined || connection.use === 'relay' || connection.use === 'room') return;
    connection.use = underWay ? 'busy' : 'idle';
    connection.sinceMs = this.#clock.monotonic();
  }

  /** Notes that a connection has carried a request with an API key. */
  hasKey(of: Ends): void {
    const connection = this.#of(of);
    if (connection === undefined || connection.hasKey) return;
    connection.hasKey = true;
    this.#leaveSource(connection);
  }

  /**
   * Notes that a connection has carried a relay's genuine request. A relay keeps its newest
   * `CONNECTIONS_PER_RELAY_MAX` connections, so that it does not use up the reserve of others.
   */
  isRelay(of: Ends, id: string): void {
    const connection = this.#of(of);
    if (connection === undefined || connection.use === 'relay') return;
    connection.use = 'relay';
    connection.relay = id;
    this.#relays += 1;
    this.#leaveSource(connection);
    const own = join(this.#byRelay, id, connection);
    const [oldest] = own;
    if (oldest !== undefined && own.size > CONNECTIONS_PER_RELAY_MAX) this.#end(oldest);
  }

  /**
   * Returns the source of a connection, or its address and port if it has no source; undefined for
   * a relay's connection.
   */
  strangerOf(of: Ends): string | undefined {
    const connection = this.#of(of);
    return connection?.use === 'relay' ? undefined : (connection?.source ?? endsOf(of));
  }

  /** Notes that a connection has become a rendezvous socket. */
  isRoom(of: Ends): void {
    const connection = this.#of(of);
    if (connection !== undefined && connection.use !== 'relay') connection.use = 'room';
  }

  /** Returns the connection of a request's socket; undefined once it is forgotten. */
  #of(of: Ends): Connection | undefined {
    const known = this.#known.get(of) ?? this.#connections.get(endsOf(of));
    if (known === undefined || known.isGone) return undefined;
    this.#known.set(of, known);
    return known;
  }

  #hasRoomFor(source: string | undefined, network: string | undefined): boolean {
    const { perSourceMax, perNetworkMax } = this.#bounds;
    for (const [all, most] of [
      [this.#bySource.get(source ?? ''), perSourceMax],
      [this.#byNetwork.get(network ?? ''), perNetworkMax],
    ] as const) {
      const verdict = all === undefined ? undefined : this.#atBound(all, most);
      if (verdict === undefined) continue;
      this.ofSource += 1;
      return verdict;
    }
    if (this.#hasRoom()) return true;
    this.refused += 1;
    return false;
  }

  /**
   * Looks whether a source or network is at its bound, and then closes one of its connections.
   * @returns undefined below the bound, else whether a further connection is accepted
   */
  #atBound(all: Set<Connection>, most: number): boolean | undefined {
    if (all.size < most) return undefined;
    const isClosed = this.#closeIdlest(all, 1) > 0 || this.#closeIdlest(all, 1, 'busy') > 0;
    // A new connection has had no time to present an API key, so it does not count here.
    const others = [...all].filter(({ use }) => use !== 'new');
    return isClosed || others.length >= most ? isClosed : undefined;
  }

  /** Returns whether there is room for a new connection, closing others if needed. */
  #hasRoom(): boolean {
    const others = this.#connections.size - this.#relays;
    const free = Math.max(this.#bounds.relaysReserve - this.#relays, 0);
    if (others < this.#bounds.connectionsMax - this.#relays - free || this.#closeSome()) {
      return true;
    }
    // A new relay cannot be recognized yet, so the reserve is open to fresh connections.
    return this.#connections.size < this.#bounds.connectionsMax;
  }

  /**
   * Closes idle connections: those of the source or network with most connections, else one of all.
   * A connection with a slow request counts as idle if these are many, or if there is no other.
   * @returns whether a connection was closed
   */
  #closeSome(): boolean {
    const most = Math.ceil(this.#bounds.connectionsMax / CONNECTIONS_A_BATCH);
    const ofSource = largestOf(this.#bySource);
    const ofNetwork = largestOf(this.#byNetwork);
    // A source that has most connections of its network is meant alone, without its neighbours.
    const largest = ofNetwork.size >= 2 * ofSource.size ? ofNetwork : ofSource;
    const isLarge = largest.size >= this.#bounds.connectionsMax / LARGE_SOURCE;
    const closed =
      this.#closeIdlest(largest, most) ||
      (isLarge ? this.#closeIdlest(largest, most, 'busy') : 0) ||
      this.#closeIdlest(this.#connections.values(), 1) ||
      this.#closeIdlest(this.#connections.values(), 1, 'busy');
    this.closedIdle += closed;
    return closed > 0;
  }

  /**
   * Closes the connections that have been idle longest, or whose request has been under way
   * longest.
   * @returns the number of closed connections
   */
  #closeIdlest(among: Iterable<Connection>, most: number, kind: 'idle' | 'busy' = 'idle'): number {
    const slow = this.#clock.monotonic() - FIRST_REQUEST_MS;
    const isChosen = ({ use, sinceMs }: Connection) =>
      kind === 'busy'
        ? use === 'busy' && sinceMs <= slow
        : use === 'idle' || (use === 'new' && sinceMs <= slow);
    const idle = [...among].filter(isChosen);
    const chosen = idle.sort((a, b) => a.sinceMs - b.sinceMs).slice(0, most);
    for (const connection of chosen) this.#end(connection);
    return chosen.length;
  }

  #end(connection: Connection): void {
    this.#forget(connection);
    connection.socket.destroy();
  }

  #forget(connection: Connection): void {
    if (connection.isGone) return;
    connection.isGone = true;
    if (connection.use === 'relay') this.#leaveRelay(connection);
    this.#connections.delete(connection.ends);
    this.#leaveSource(connection);
  }

  #leaveRelay(connection: Connection): void {
    this.#relays -= 1;
    leave(this.#byRelay, connection.relay, connection);
  }

  #leaveSource(connection: Connection): void {
    leave(this.#bySource, connection.source, connection);
    leave(this.#byNetwork, connection.network, connection);
  }
}

function endsOf({ remoteAddress, remotePort }: Ends): string {
  return `${remoteAddress} ${remotePort}`;
}

type Groups = Map<string, Set<Connection>>;

/** Adds a connection to a group, or to none. @returns the group's connections */
function join(groups: Groups, name: string | undefined, connection: Connection): Set<Connection> {
  const all = groups.get(name ?? '') ?? new Set();
  if (name !== undefined) groups.set(name, all.add(connection));
  return all;
}

/** Removes a connection from its group, if it is in one. */
function leave(groups: Groups, name: string | undefined, connection: Connection): void {
  const all = groups.get(name ?? '');
  all?.delete(connection);
  if (all?.size === 0) groups.delete(name ?? '');
}

/** Returns the group with most connections; an empty one without any. */
function largestOf(groups: Groups): Set<Connection> {
  let largest: Set<Connection> = new Set();
  for (const group of groups.values()) {
    if (group.size > largest.size) largest = group;
  }
  return largest;
}
