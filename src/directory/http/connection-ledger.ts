import type { Socket } from 'node:net';
import { LIMITS } from '../../limits.js';
import type { Clock } from '../../units.js';
import type { ConnectionBounds } from './descriptors.js';

/**
 * `new`: no request yet. `busy`: a request is under way. `idle`: kept alive between two requests.
 * `relay`: has carried a relay's genuine request. `room`: a peer of the rendezvous.
 */
type Use = 'new' | 'busy' | 'idle' | 'relay' | 'room';

interface Connection {
  readonly socket: Socket;
  use: Use;
  sinceMs: number;
}

/** The ends of a connection, which name it: its TLS socket is another object than its own. */
type Ends = Pick<Socket, 'remoteAddress' | 'remotePort'>;

/**
 * Every connection of the directory and what it is used for, so that those that merely wait never
 * keep relays out: where others than relays would take what is reserved for them, the one that has
 * been idle longest is closed for the one that comes.
 */
export class ConnectionLedger {
  /** Idle connections closed for newer ones; connections refused because none was idle. */
  closedIdle = 0;
  refused = 0;
  readonly #bounds: ConnectionBounds;
  readonly #clock: Clock;
  readonly #connections = new Map<string, Connection>();
  #relays = 0;

  constructor(bounds: ConnectionBounds, clock: Clock) {
    this.#bounds = bounds;
    this.#clock = clock;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Takes a connection that was just accepted, or ends it. */
  accept(socket: Socket): void {
    const others = this.#connections.size - this.#relays;
    const free = Math.max(this.#bounds.relaysReserve - this.#relays, 0);
    const othersMax = this.#bounds.connectionsMax - this.#relays - free;
    if (others >= othersMax && !this.#closeOne()) {
      // A relay cannot be told from others yet: the reserve is open to whoever soon asks something.
      if (this.#connections.size >= this.#bounds.connectionsMax) {
        this.refused += 1;
        socket.destroy();
        return;
      }
    }
    const ends = endsOf(socket);
    this.#connections.set(ends, { socket, use: 'new', sinceMs: this.#clock.monotonic() });
    socket.once('close', () => this.#forget(ends, socket));
  }

  #forget(ends: string, socket: Socket): void {
    const connection = this.#connections.get(ends);
    if (connection?.socket !== socket) return;
    if (connection.use === 'relay') this.#relays -= 1;
    this.#connections.delete(ends);
  }

  /** A request has come, or its answer has gone. */
  request(of: Ends, underWay: boolean): void {
    const connection = this.#connections.get(endsOf(of));
    if (connection === undefined || connection.use === 'relay' || connection.use === 'room') return;
    connection.use = underWay ? 'busy' : 'idle';
    connection.sinceMs = this.#clock.monotonic();
  }

  /** It has carried a relay's genuine request. */
  isRelay(of: Ends): void {
    const connection = this.#connections.get(endsOf(of));
    if (connection === undefined || connection.use === 'relay') return;
    connection.use = 'relay';
    this.#relays += 1;
  }

  /** A peer waits there. */
  isRoom(of: Ends): void {
    const connection = this.#connections.get(endsOf(of));
    if (connection !== undefined && connection.use !== 'relay') connection.use = 'room';
  }

  /** Ends one that nobody will miss. @returns whether there was one */
  #closeOne(): boolean {
    const slow = this.#clock.monotonic() - LIMITS.httpFirstRequestMs;
    let chosen: Connection | undefined;
    for (const connection of this.#connections.values()) {
      const { use, sinceMs } = connection;
      if (use !== 'idle' && (use !== 'new' || sinceMs > slow)) continue;
      if (chosen === undefined || sinceMs < chosen.sinceMs) chosen = connection;
    }
    if (chosen === undefined) return false;
    this.closedIdle += 1;
    this.#connections.delete(endsOf(chosen.socket));
    chosen.socket.destroy();
    return true;
  }
}

function endsOf({ remoteAddress, remotePort }: Ends): string {
  return `${remoteAddress} ${remotePort}`;
}
