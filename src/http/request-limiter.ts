import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';
import type { Bound } from '../logging/bound-watch.js';
import type { ClientSources } from './client-sources.js';

/** Limits of the requests under way at an HTTP server. */
export interface RequestLimits {
  /** Maximum requests under way on a connection, pipelined ones included. */
  readonly perConnectionMax: number;
  /** Maximum requests under way of a source. */
  readonly perSourceMax: number;
  /** Maximum bytes of the bodies of all requests under way. */
  readonly bodyBytesMax: number;
  /** Maximum bytes of unread responses, of all connections. */
  readonly unreadBytesMax: number;
  /** Time after which a connection whose client reads nothing of a response is destroyed. */
  readonly unreadMs: number;
}

/** Limits of requests at the HTTP servers of relays and directories. */
export const REQUEST_LIMITS: RequestLimits = {
  perConnectionMax: 4,
  perSourceMax: 2_048,
  bodyBytesMax: 32 << 20,
  unreadBytesMax: 16 << 20,
  unreadMs: 5_000,
};

/**
 * `taken`: the request is accepted. `cut`: its connection was destroyed. `crowded`: its source has
 * too many requests under way.
 */
export type RequestVerdict = 'taken' | 'cut' | 'crowded';

/** A socket of Node's HTTP server. Its parser is not documented, so it may be absent. */
type HttpSocket = Socket & { readonly parser?: { onIncoming?: () => number } | null };

/**
 * Replaces the handler of further requests on a destroyed connection. Otherwise Node would create
 * up to two thousand requests from the bytes already read. Node's own handler returns 2 for an
 * upgrade, which stops the parser.
 */
const parseNoMore = () => 2;

/** A connection that has had a request. */
interface Busy {
  readonly socket: Socket;
  readonly source: string | undefined;
  /** Its network, or its source where that has none. */
  readonly holder: string | undefined;
  underWay: number;
  bodyBytes: number;
  /** Bytes that the client had read when they last changed. */
  readBytes: number;
  /** The time of that change, monotonic ms. */
  readAtMs: number;
}

/**
 * Bounds the memory that connections of an HTTP server can hold: pipelined requests, unfinished
 * bodies, unread responses. At a global bound it destroys connections of the IPv4 address or IPv6
 * /48 that holds most, so that others are not affected.
 */
export class RequestLimiter {
  /**
   * Connections destroyed, by cause; requests refused because their source had too many under way.
   */
  readonly counts = { pipelined: 0, bodies: 0, unread: 0, crowded: 0 };
  readonly #limits: RequestLimits;
  readonly #sources: Pick<ClientSources, 'nameOf' | 'networkOf'>;
  readonly #clock: Clock;
  readonly #known = new WeakMap<Socket, Busy>();
  /** Connections with a request under way. */
  readonly #busy = new Set<Busy>();
  readonly #perSource = new Map<string, number>();
  #bodyBytes = 0;

  /** @param sources - names sources; one without a name has no bound */
  constructor(
    limits: RequestLimits,
    sources: Pick<ClientSources, 'nameOf' | 'networkOf'>,
    clock: Clock,
  ) {
    this.#limits = limits;
    this.#sources = sources;
    this.#clock = clock;
  }

  /**
   * Accounts for a request. If it is not `taken`, it does not count and `end` must not be called.
   * @param bodyBytes - maximum length of its body
   * @returns whether the request is accepted
   */
  begin(socket: Socket, bodyBytes: number): RequestVerdict {
    if (socket.destroyed) return 'cut';
    const busy = this.#known.get(socket) ?? this.#add(socket);
    if (busy.underWay >= this.#limits.perConnectionMax) {
      this.counts.pipelined += 1;
      this.#cut(busy);
      return 'cut';
    }
    const { source } = busy;
    const ofSource = source === undefined ? 0 : (this.#perSource.get(source) ?? 0);
    if (ofSource >= this.#limits.perSourceMax) {
      this.counts.crowded += 1;
      return 'crowded';
    }
    this.#busy.add(busy);
    busy.underWay += 1;
    busy.bodyBytes += bodyBytes;
    this.#bodyBytes += bodyBytes;
    if (source !== undefined) this.#perSource.set(source, ofSource + 1);
    const { bodyBytesMax } = this.#limits;
    if (this.#bodyBytes > bodyBytesMax) {
      this.counts.bodies += this.#cutDown(bodyBytesMax, (each) => each.bodyBytes);
    }
    return socket.destroyed ? 'cut' : 'taken';
  }

  /**
   * Ends the accounting of a request whose response was sent.
   * @param bodyBytes - as given to `begin`
   */
  end(socket: Socket, bodyBytes: number): void {
    const busy = this.#known.get(socket);
    if (busy === undefined || !this.#busy.has(busy)) return;
    busy.underWay -= 1;
    busy.bodyBytes -= bodyBytes;
    this.#bodyBytes -= bodyBytes;
    this.#release(busy.source, 1);
    if (busy.underWay === 0) this.#busy.delete(busy);
  }

  /** Destroys connections whose clients do not read. To be called a few times a second. */
  sweep(): void {
    const now = this.#clock.monotonic();
    let unread = 0;
    for (const busy of this.#busy) {
      const { socket } = busy;
      const read = socket.bytesWritten - socket.writableLength;
      if (socket.writableLength === 0 || read !== busy.readBytes) {
        busy.readBytes = read;
        busy.readAtMs = now;
      } else if (now - busy.readAtMs >= this.#limits.unreadMs) {
        this.counts.unread += 1;
        this.#cut(busy);
        continue;
      }
      unread += unreadOf(busy);
    }
    const { unreadBytesMax } = this.#limits;
    if (unread > unreadBytesMax) {
      this.counts.unread += this.#cutDown(unreadBytesMax, unreadOf);
    }
  }

  #add(socket: Socket): Busy {
    const source = this.#sources.nameOf(socket.remoteAddress);
    const busy = {
      socket,
      source,
      holder: this.#sources.networkOf(socket.remoteAddress) ?? source,
      underWay: 0,
      bodyBytes: 0,
      readBytes: 0,
      readAtMs: this.#clock.monotonic(),
    };
    this.#known.set(socket, busy);
    socket.once('close', () => this.#forget(busy));
    return busy;
  }

  #forget(busy: Busy): void {
    if (!this.#busy.delete(busy)) return;
    this.#bodyBytes -= busy.bodyBytes;
    this.#release(busy.source, busy.underWay);
  }

  #release(source: string | undefined, requests: number): void {
    if (source === undefined) return;
    const left = (this.#perSource.get(source) ?? 0) - requests;
    if (left > 0) this.#perSource.set(source, left);
    else this.#perSource.delete(source);
  }

  #cut(busy: Busy): void {
    this.#forget(busy);
    const { socket }: { socket: HttpSocket } = busy;
    if (socket.parser?.onIncoming) socket.parser.onIncoming = parseNoMore;
    socket.destroy();
  }

  /**
   * Destroys the largest connection of the holder that holds most, and so on, until an eighth of
   * the bound is free: then not every further request needs a pass over all connections.
   * @param most - the bound
   * @param held - returns what a connection holds, in the bound's unit
   * @returns the number of destroyed connections
   */
  #cutDown(most: number, held: (busy: Busy) => number): number {
    const byHolder = new Map<string | Busy, Busy[]>();
    let sum = 0;
    for (const busy of this.#busy) {
      const holder = busy.holder ?? busy;
      const known = byHolder.get(holder);
      if (known === undefined) byHolder.set(holder, [busy]);
      else known.push(busy);
      sum += held(busy);
    }
    const total = (all: readonly Busy[]) => all.reduce((bytes, each) => bytes + held(each), 0);
    const holders = [...byHolder.values()].map((all) => ({
      all: all.sort((a, b) => held(a) - held(b)),
      bytes: total(all),
    }));
    let cut = 0;
    while (sum > (most * 7) / 8) {
      const worst = holders.reduce((a, b) => (b.bytes > a.bytes ? b : a));
      const chosen = worst.all.pop();
      if (chosen === undefined) break;
      const bytes = held(chosen);
      worst.bytes -= bytes;
      sum -= bytes;
      this.#cut(chosen);
      cut += 1;
    }
    return cut;
  }
}

/**
 * Returns the unread bytes of a connection. Only its first response is in the socket's buffer; each
 * pipelined one counts as much.
 */
function unreadOf({ socket, underWay }: Busy): number {
  return socket.writableLength * underWay;
}

/** Returns a limiter's bounds for `BoundWatch`. */
export function requestLimiterBounds({ counts }: Pick<RequestLimiter, 'counts'>): Bound[] {
  return [
    {
      name: 'http-pipelined',
      detail:
        `connections with more than ${REQUEST_LIMITS.perConnectionMax} requests under way are ` +
        'destroyed',
      met: () => counts.pipelined,
    },
    {
      name: 'http-requests',
      detail:
        `requests are refused: their source has ${REQUEST_LIMITS.perSourceMax} requests under ` +
        'way',
      met: () => counts.crowded,
    },
    {
      name: 'http-bodies',
      detail:
        `connections of the source with most body bytes are destroyed: at most ` +
        `${REQUEST_LIMITS.bodyBytesMax} bytes of bodies may be under way`,
      met: () => counts.bodies,
    },
    {
      name: 'http-unread',
      detail:
        'connections are destroyed whose clients do not read for ' +
        `${REQUEST_LIMITS.unreadMs / 1_000} s, or because ${REQUEST_LIMITS.unreadBytesMax} bytes ` +
        'of responses are unread',
      met: () => counts.unread,
    },
  ];
}
