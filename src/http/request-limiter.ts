import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';
import type { Bound } from '../logging/bound-watch.js';

/** What is allowed of the requests under way at an HTTP server. */
export interface RequestLimits {
  /** Requests under way on a connection: one, and those that a client sent without waiting. */
  readonly perConnectionMax: number;
  /** Requests under way of a source. */
  readonly perSourceMax: number;
  /** Bytes that all requests' bodies may have. */
  readonly bodyBytesMax: number;
  /** Bytes of answers that wait to be read, of all connections. */
  readonly unreadBytesMax: number;
  /** A connection of which nothing was read for so long, while something waits, is cut. */
  readonly unreadMs: number;
}

/** What the servers of relays and directories allow. */
export const REQUEST_LIMITS: RequestLimits = {
  perConnectionMax: 4,
  perSourceMax: 2_048,
  bodyBytesMax: 32 << 20,
  unreadBytesMax: 16 << 20,
  unreadMs: 5_000,
};

/** `taken`: go on. `cut`: the connection is gone. `crowded`: its source has too many under way. */
export type RequestVerdict = 'taken' | 'cut' | 'crowded';

/**
 * A socket as Node's HTTP server has it. Its parser is in no documentation, so it is done without
 * where it is missing.
 */
type HttpSocket = Socket & { readonly parser?: { onIncoming?: () => number } | null };

/**
 * Takes the place of what handles the next request that a parser finds. Else all that was read with
 * one request becomes requests, two thousand of them, though their connection is gone. The number
 * is what Node's own handler returns where another protocol begins: the parser stops there.
 */
const parseNoMore = () => 2;

interface Busy {
  readonly socket: Socket;
  readonly source: string | undefined;
  underWay: number;
  bodyBytes: number;
  /** Bytes read by the other end when something was last read, and when that was. */
  readBytes: number;
  readAtMs: number;
}

/**
 * Bounds what the connections of an HTTP server can hold by asking: requests that are sent without
 * waiting for answers, bodies that do not end, answers that nobody reads. Where a bound of all is
 * met, those of the source that holds most are cut, so that whoever asks little is never refused
 * for what others do.
 */
export class RequestLimiter {
  /** Connections cut, by why; requests refused because their source had too many under way. */
  readonly counts = { pipelined: 0, bodies: 0, unread: 0, crowded: 0 };
  readonly #limits: RequestLimits;
  readonly #sourceOf: (ip: string | undefined) => string | undefined;
  readonly #clock: Clock;
  readonly #known = new WeakMap<Socket, Busy>();
  /** Those with a request under way. */
  readonly #busy = new Set<Busy>();
  readonly #perSource = new Map<string, number>();
  #bodyBytes = 0;

  /** @param sourceOf - names the source of an address, undefined for one that is not bounded */
  constructor(
    limits: RequestLimits,
    sourceOf: (ip: string | undefined) => string | undefined,
    clock: Clock,
  ) {
    this.#limits = limits;
    this.#sourceOf = sourceOf;
    this.#clock = clock;
  }

  /**
   * A request has come. Unless it is `taken`, it does not count and `end` is not to be called.
   * @param bodyBytes - how long its body may become
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

  /** An answer has left. */
  end(socket: Socket, bodyBytes: number): void {
    const busy = this.#known.get(socket);
    if (busy === undefined || !this.#busy.has(busy)) return;
    busy.underWay -= 1;
    busy.bodyBytes -= bodyBytes;
    this.#bodyBytes -= bodyBytes;
    this.#release(busy.source, 1);
    if (busy.underWay === 0) this.#busy.delete(busy);
  }

  /** To be called a few times a second: cuts those that do not read. */
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
    const busy = {
      socket,
      source: this.#sourceOf(socket.remoteAddress),
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
   * Cuts what holds most of the source that holds most, and again, until an eighth of the bound is
   * free: one over it at a time would have all looked through for each.
   * @returns how many were cut
   */
  #cutDown(most: number, held: (busy: Busy) => number): number {
    const bySource = new Map<string | Busy, Busy[]>();
    let sum = 0;
    for (const busy of this.#busy) {
      const source = busy.source ?? busy;
      const known = bySource.get(source);
      if (known === undefined) bySource.set(source, [busy]);
      else known.push(busy);
      sum += held(busy);
    }
    const total = (all: readonly Busy[]) => all.reduce((bytes, each) => bytes + held(each), 0);
    const sources = [...bySource.values()].map((all) => ({
      all: all.sort((a, b) => held(a) - held(b)),
      bytes: total(all),
    }));
    let cut = 0;
    while (sum > (most * 7) / 8) {
      const worst = sources.reduce((a, b) => (b.bytes > a.bytes ? b : a));
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

/** Only the first of a connection's answers is in its socket; those behind it count as much. */
function unreadOf({ socket, underWay }: Busy): number {
  return socket.writableLength * underWay;
}

/** The bounds of a limiter, as `BoundWatch` logs and counts it. */
export function requestLimiterBounds({ counts }: Pick<RequestLimiter, 'counts'>): Bound[] {
  return [
    {
      name: 'http-pipelined',
      detail:
        `a connection is cut that has over ${REQUEST_LIMITS.perConnectionMax} requests ` +
        'under way',
      met: () => counts.pipelined,
    },
    {
      name: 'http-requests',
      detail: `requests are refused: ${REQUEST_LIMITS.perSourceMax} of a source may be under way`,
      met: () => counts.crowded,
    },
    {
      name: 'http-bodies',
      detail:
        `connections are cut: bodies of ${REQUEST_LIMITS.bodyBytesMax} bytes may be under way, ` +
        'and those of the source with most were cut',
      met: () => counts.bodies,
    },
    {
      name: 'http-unread',
      detail:
        'connections are cut that do not read their answers: within ' +
        `${REQUEST_LIMITS.unreadMs / 1_000} s, or when ${REQUEST_LIMITS.unreadBytesMax} bytes wait`,
      met: () => counts.unread,
    },
  ];
}
