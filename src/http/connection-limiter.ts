import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';
import type { ClientSources } from './client-sources.js';
import type { ConnectionBounds } from './file-descriptors.js';

/** A connection without a request for this long may be closed for another one. */
export const FIRST_REQUEST_MS = 1_000;
/** Connections that one relay keeps; with one more the oldest is closed. */
export const CONNECTIONS_PER_RELAY_MAX = 4;

/**
 * `new`: no request yet. `busy`: a request is under way. `idle`: kept alive between two requests.
 * `relay`: has carried a relay's genuine request. `room`: a peer of the rendezvous.
 */
type Use = 'new' | 'busy' | 'idle' | 'relay' | 'room';

interface Connection {
  readonly socket: Socket;
  readonly ends: string;
  /** Undefined where many sources cannot be told apart: then it is one by itself. */
  readonly source: string | undefined;
  use: Use;
  /** The relay whose genuine request it has carried. */
  relay?: string;
  /** Has carried a request with an API key, so that its source is not held against it. */
  hasKey: boolean;
  sinceMs: number;
  isGone: boolean;
}

/** The ends of a connection, which name it: its TLS socket is another object than its own. */
type Ends = Pick<Socket, 'remoteAddress' | 'remotePort'>;

/** Of so many connections that there may be, one more is closed where one has to be. */
const CONNECTIONS_A_BATCH = 256;
/** A source has many connections where it has one of so many. */
const LARGE_SOURCE = 16;

/**
 * Every connection of the directory and what it is used for, so that those that merely wait never
 * keep others out. Who came first has no right to stay: where there is no room, those go that have
 * been idle longest, of the source that has most. A source's connections without an API key are
 * bounded by themselves, and relays have a reserve.
 */
export class ConnectionLimiter {
  /** Idle connections closed for newer ones; connections refused because none was idle. */
  closedIdle = 0;
  refused = 0;
  /** Either, because the source had as many as one may have. */
  ofSource = 0;
  readonly #bounds: ConnectionBounds;
  readonly #sources: Pick<ClientSources, 'nameOf'>;
  readonly #clock: Clock;
  readonly #connections = new Map<string, Connection>();
  /** Those without a key, of each source. */
  readonly #bySource = new Map<string, Set<Connection>>();
  /** Those of each relay, the oldest first. */
  readonly #byRelay = new Map<string, Set<Connection>>();
  #relays = 0;

  constructor(bounds: ConnectionBounds, sources: Pick<ClientSources, 'nameOf'>, clock: Clock) {
    this.#bounds = bounds;
    this.#sources = sources;
    this.#clock = clock;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Takes a connection that was just accepted, or ends it. */
  accept(socket: Socket): void {
    // One that was reset before it was accepted has no ends any more: it is none.
    if (socket.remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const source = this.#sources.nameOf(socket.remoteAddress);
    if (!this.#hasRoomFor(source)) {
      socket.destroy();
      return;
    }
    const ends = endsOf(socket);
    const sinceMs = this.#clock.monotonic();
    const fresh = { use: 'new', hasKey: false, isGone: false } as const;
    const connection: Connection = { socket, ends, source, sinceMs, ...fresh };
    // Its ends may come again before its close is known.
    const former = this.#connections.get(ends);
    if (former !== undefined) this.#forget(former);
    this.#connections.set(ends, connection);
    if (source !== undefined) {
      const others = this.#bySource.get(source) ?? new Set();
      this.#bySource.set(source, others.add(connection));
    }
    socket.once('close', () => this.#forget(connection));
  }

  /** A request has come, or its answer has gone. */
  request(of: Ends, underWay: boolean): void {
    const connection = this.#connections.get(endsOf(of));
    if (connection === undefined || connection.use === 'relay' || connection.use === 'room') return;
    connection.use = underWay ? 'busy' : 'idle';
    connection.sinceMs = this.#clock.monotonic();
  }

  /** It has carried a request with an API key. */
  hasKey(of: Ends): void {
    const connection = this.#connections.get(endsOf(of));
    if (connection === undefined || connection.hasKey) return;
    connection.hasKey = true;
    this.#leaveSource(connection);
  }

  /**
   * It has carried a genuine request of a relay, which keeps its newest
   * `CONNECTIONS_PER_RELAY_MAX` connections: more would be the reserve of others.
   */
  isRelay(of: Ends, id: string): void {
    const connection = this.#connections.get(endsOf(of));
    if (connection === undefined || connection.use === 'relay') return;
    connection.use = 'relay';
    connection.relay = id;
    this.#relays += 1;
    this.#leaveSource(connection);
    const own = this.#byRelay.get(id) ?? new Set();
    this.#byRelay.set(id, own.add(connection));
    const [oldest] = own;
    if (oldest !== undefined && own.size > CONNECTIONS_PER_RELAY_MAX) this.#end(oldest);
  }

  /** The source of a connection that has not carried a relay's genuine request. */
  strangerOf(of: Ends): string | undefined {
    const connection = this.#connections.get(endsOf(of));
    return connection?.use === 'relay' ? undefined : (connection?.source ?? endsOf(of));
  }

  /** A peer waits there. */
  isRoom(of: Ends): void {
    const connection = this.#connections.get(endsOf(of));
    if (connection !== undefined && connection.use !== 'relay') connection.use = 'room';
  }

  #hasRoomFor(source: string | undefined): boolean {
    const ofSource = source === undefined ? undefined : this.#bySource.get(source);
    if (ofSource !== undefined && ofSource.size >= this.#bounds.perSourceMax) {
      const isClosed =
        this.#closeIdlest(ofSource, 1) > 0 || this.#closeIdlest(ofSource, 1, 'busy') > 0;
      // A crowd that comes at once has had no time to show its keys: it is let in to do so.
      const others = [...ofSource].filter(({ use }) => use !== 'new');
      const isFull = others.length >= this.#bounds.perSourceMax;
      if (isClosed || isFull) {
        this.ofSource += 1;
        return isClosed;
      }
    }
    if (this.#hasRoom()) return true;
    this.refused += 1;
    return false;
  }

  /** Whether there is room for one more, which is made where something can go. */
  #hasRoom(): boolean {
    const others = this.#connections.size - this.#relays;
    const free = Math.max(this.#bounds.relaysReserve - this.#relays, 0);
    if (others < this.#bounds.connectionsMax - this.#relays - free || this.#closeSome()) {
      return true;
    }
    // A relay cannot be told from others yet: the reserve is open to whoever soon asks something.
    return this.#connections.size < this.#bounds.connectionsMax;
  }

  /**
   * Ends some that nobody will miss: of the source with most connections without a key; where none
   * of them is idle, of all. A request that does not come to its end is taken for idle where its
   * source has many, and wherever nothing else is left. @returns whether there was one
   */
  #closeSome(): boolean {
    const most = Math.ceil(this.#bounds.connectionsMax / CONNECTIONS_A_BATCH);
    let largest: Set<Connection> = new Set();
    for (const ofSource of this.#bySource.values()) {
      if (ofSource.size > largest.size) largest = ofSource;
    }
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
   * Ends those that have been idle longest, or whose request has been under way longest.
   * @returns how many
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
    const own = this.#byRelay.get(connection.relay ?? '');
    own?.delete(connection);
    if (own?.size === 0) this.#byRelay.delete(connection.relay ?? '');
  }

  #leaveSource(connection: Connection): void {
    const { source } = connection;
    if (source === undefined) return;
    const others = this.#bySource.get(source);
    others?.delete(connection);
    if (others?.size === 0) this.#bySource.delete(source);
  }
}

function endsOf({ remoteAddress, remotePort }: Ends): string {
  return `${remoteAddress} ${remotePort}`;
}
