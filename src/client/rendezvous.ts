import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import { type AddressInput, type TransportAddress, transportAddress } from '../address.js';
import { asTurnpikeError, isTurnpikeError, TurnpikeError } from '../errors.js';
import { checkOptions } from '../options/check.js';
import type { Checked } from '../options/option-spec.js';
import type { RandomBytes } from '../random.js';
import type { PeerHints } from './directory-client.js';
import type { DirectoryAccess } from './directory-problem.js';
import { parseGrant } from './grant.js';
import { Introduction } from './introduction.js';
import { JoinHints } from './join-hints.js';
import { NEXT_SPECS, RENDEZVOUS_SPECS } from './option-specs.js';
import { aborted } from './peer-errors.js';
import { RendezvousSocket } from './rendezvous-socket.js';
import { pause, type Scheduler, systemScheduler } from './scheduler.js';

/** Initial back-off before a lost socket to the directory is opened again. */
export const REOPEN_MS_MIN = 500;

/** Maximum back-off before a lost socket to the directory is opened again. */
export const REOPEN_MS_MAX = 5_000;

/** Options of `Rendezvous.open`. */
export interface RendezvousOptions extends DirectoryAccess {
  /** 1 to 128 characters; peers of one tenant with the same room meet. */
  readonly room: string;
  /**
   * Hints for the choice of this peer's relay. Without `family` and `families`, `families` are
   * those in which this host has a route to relays; if the directory has no relay for these, it is
   * asked again without them.
   */
  readonly hints?: PeerHints | undefined;
  /**
   * Whether to measure some relays (`Peer.measure`) for the hint `latencies`, unless `hints` have
   * it or `region`; default true. It delays the first join by at most 300 ms, and a later one only
   * after ten minutes or a change of network. All peers of a process share a measurement.
   */
  readonly measure?: boolean | undefined;
  /** Local address of the peer, of which the IP address counts: relays are measured from there. */
  readonly bind?: AddressInput | undefined;
  /**
   * This peer's random name, 16 to 64 characters of `A-Za-z0-9_-`, the same as long as the peer
   * exists: a join with it replaces the peer's older socket. Default: a name of this object's own.
   */
  readonly member?: string | undefined;
  /** Aborts `Rendezvous.open`; no effect afterwards. */
  readonly signal?: AbortSignal | undefined;
  readonly logger?: Logger | undefined;
  readonly scheduler?: Scheduler | undefined;
  readonly random?: RandomBytes | undefined;
}

type CheckedRendezvousOptions = Checked<RendezvousOptions, typeof RENDEZVOUS_SPECS>;

interface RendezvousEvents {
  /** This peer is in the room; the other side is not, or is not ready. */
  waiting: [];
  /** No relay, or no directory, for now: another attempt follows. */
  retrying: [error: TurnpikeError];
  /** The other side's socket is closed; an established connection continues. */
  'peer-left': [];
}

/** A connection; undefined if the socket was lost, so that `next` opens another. */
type Arrival = Introduction | undefined;

/** Options of `Rendezvous.next`. */
export interface NextOptions {
  readonly signal?: AbortSignal | undefined;
  /** Ids of relays to avoid while another can serve; at most 8, in place of earlier ones. */
  readonly avoid?: readonly string[] | undefined;
}

/** Error codes after which a new socket is opened (docs/rendezvous.md, Errors). */
const REOPENED: ReadonlySet<string> = new Set(['shutting-down', 'room-expired']);

/**
 * A place in a rendezvous room of the directory (docs/rendezvous.md), for peers without signalling
 * of their own. `next` returns one connection after another. A broken socket is opened again when
 * the next connection is requested. An open Rendezvous keeps the process alive: call `close`.
 */
export class Rendezvous extends EventEmitter<RendezvousEvents> {
  readonly #options: CheckedRendezvousOptions;
  readonly #scheduler: Scheduler;
  readonly #random: RandomBytes;
  /** Constant, so that a new socket replaces a broken one in the room. */
  readonly #member: string;
  #socket: RendezvousSocket | undefined;
  /** Whether the directory knows that this peer waits for a connection. */
  #ready = false;
  #current: Introduction | undefined;
  #unclaimed: Introduction | undefined;
  #waiter: { resolve: (arrival: Arrival) => void; reject: (error: Error) => void } | undefined;
  #failed: TurnpikeError | undefined;
  #avoid: readonly string[];
  readonly #hints: JoinHints;

  private constructor(options: CheckedRendezvousOptions) {
    super();
    this.#options = options;
    const { hints = {}, measure, bind } = options;
    this.#scheduler = options.scheduler ?? systemScheduler;
    this.#random = options.random ?? randomBytes;
    this.#hints = new JoinHints({
      access: options,
      given: hints,
      isMeasuring: measure,
      from: bind?.address,
      scheduler: this.#scheduler,
      random: this.#random,
    });
    this.#avoid = hints.avoid ?? [];
    this.#member = options.member ?? newMember(this.#random);
  }

  /**
   * Joins a room.
   * @throws TurnpikeError ERR_TURNPIKE_DIRECTORY with `status` if the directory refuses;
   *   ERR_TURNPIKE_DIRECTORY_UNREACHABLE; ERR_TURNPIKE_ABORTED; as `checkOptions`
   */
  static async open(options: RendezvousOptions): Promise<Rendezvous> {
    try {
      const checked = checkOptions<RendezvousOptions, typeof RENDEZVOUS_SPECS>(
        'Rendezvous.open',
        RENDEZVOUS_SPECS,
        options,
      );
      const rendezvous = new Rendezvous(checked);
      await rendezvous.#open(checked.signal);
      return rendezvous;
    } catch (error) {
      throw asTurnpikeError('Rendezvous.open', error);
    }
  }

  /** Returns whether a value is a Rendezvous; cannot be deceived by a Proxy. */
  static isOne(value: unknown): value is Rendezvous {
    return typeof value === 'object' && value !== null && #member in value;
  }

  /**
   * Requests a new connection, unless one is there already, and waits for the other side without a
   * time limit. To be called again when a connection has ended.
   * @throws TurnpikeError ERR_TURNPIKE_ABORTED; ERR_TURNPIKE_RENDEZVOUS if the directory ended the
   *   membership (room full, replaced, …) or after `close`; ERR_TURNPIKE_DIRECTORY;
   *   ERR_TURNPIKE_CONFIG if a call is under way
   */
  async next(options: NextOptions = {}): Promise<Introduction> {
    const call = 'Rendezvous#next';
    const checked = checkOptions<NextOptions, typeof NEXT_SPECS>(call, NEXT_SPECS, options);
    const { signal } = checked;
    this.#avoid = checked.avoid ?? this.#options.hints?.avoid ?? [];
    if (this.#waiter !== undefined) {
      throw new TurnpikeError('ERR_TURNPIKE_CONFIG', 'next() is under way already');
    }
    for (;;) {
      if (this.#failed !== undefined) throw this.#failed;
      if (signal?.aborted) throw aborted(signal);
      const early = this.#unclaimed;
      if (early !== undefined) {
        this.#unclaimed = undefined;
        return early;
      }
      if (this.#socket === undefined) await this.#reopen(signal);
      else if (!this.#ready && this.#hints.beginMeasuring()) {
        await this.#hints.measured(signal);
        // Meanwhile a connection may have come, or the socket may have been lost.
        continue;
      }
      this.#join();
      const introduction = await this.#arrival(signal);
      if (introduction !== undefined) return introduction;
    }
  }

  /** The hints of the options. */
  get hints(): PeerHints {
    return this.#options.hints ?? {};
  }

  /** Leaves the room. Established connections continue. May be called again. */
  close(): void {
    this.#fail(new TurnpikeError('ERR_TURNPIKE_RENDEZVOUS', 'the rendezvous was closed'));
  }

  async #open(signal: AbortSignal | undefined): Promise<void> {
    const over = new AbortController();
    const until = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
    const routed = this.#hints.lookUpFamilies(until);
    // Begun now, so that the directory names the relays while the socket is opened.
    this.#hints.beginMeasuring();
    const socket = await RendezvousSocket.open({
      access: this.#options,
      scheduler: this.#scheduler,
      signal,
      onMessage: (message) => this.#receive(message),
      onClosed: () => this.#socketLost(socket),
    }).catch((error) => {
      over.abort();
      throw error;
    });
    this.#socket = socket;
    await Promise.all([routed, this.#hints.measured(signal)]);
    if (this.#failed === undefined && !signal?.aborted && this.#socket === socket) {
      this.#join();
      return;
    }
    socket.close();
    if (this.#socket === socket) this.#socket = undefined;
    if (this.#failed !== undefined) throw this.#failed;
    if (signal?.aborted) throw aborted(signal);
    const text = 'the directory closed the connection before the peer could join';
    throw new TurnpikeError('ERR_TURNPIKE_DIRECTORY_UNREACHABLE', text);
  }

  async #reopen(signal: AbortSignal | undefined): Promise<void> {
    let waitMs: number = REOPEN_MS_MIN;
    for (;;) {
      try {
        await this.#open(signal);
        return;
      } catch (error) {
        if (!isTemporary(error)) throw error;
        this.emit('retrying', error);
        const jitter = 0.5 + (this.#random(1)[0] ?? 0) / 0x1ff;
        const askedMs = (error.retryAfterSeconds ?? 0) * 1_000;
        await pause(this.#scheduler, Math.max(askedMs, waitMs * jitter), signal);
        waitMs = Math.min(waitMs * 2, REOPEN_MS_MAX);
      }
    }
  }

  /**
   * Sends a join, unless the directory knows that this peer waits, with the same relays to avoid.
   */
  #join(): void {
    const isCounted = this.#ready && this.#hints.hasSaid(this.#avoid);
    if (isCounted || this.#socket === undefined) return;
    this.#ready = true;
    const { room } = this.#options;
    const peer = this.#hints.joining(this.#avoid);
    const member = this.#member;
    this.#socket.send({ type: 'join', room, member, ...(peer && { peer }) });
  }

  #arrival(signal: AbortSignal | undefined): Promise<Arrival> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#waiter = undefined;
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = () => {
        settle();
        reject(aborted(signal as AbortSignal));
      };
      this.#waiter = {
        resolve: (arrival) => {
          settle();
          resolve(arrival);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort);
    });
  }

  /** Handles a message. Unknown types and members are ignored (docs/rendezvous.md, Opening). */
  #receive(message: Readonly<Record<string, unknown>>): void {
    if (this.#failed !== undefined) return;
    if (message.type === 'waiting') {
      this.#ready = true;
      this.#current?.end('the other side left');
      this.emit('waiting');
    } else if (message.type === 'connection') {
      this.#receiveConnection(message);
    } else if (message.type === 'address') {
      this.#receiveAddress(message);
    } else if (message.type === 'peer-ready') {
      if (!this.#ready) this.#current?.end('the other side asked for a new connection');
    } else if (message.type === 'peer-left') {
      this.emit('peer-left');
    } else if (message.type === 'error') {
      this.#receiveError(message);
    }
  }

  #receiveConnection(message: Readonly<Record<string, unknown>>): void {
    this.#ready = false;
    this.#current?.end('another connection takes its place: one of the two sides asked for it');
    let introduction: Introduction;
    try {
      const grant = parseGrant(message);
      const { connectionId } = grant;
      introduction = new Introduction(grant, ({ address, port }) =>
        this.#socket?.send({ type: 'address', connectionId, address, port }),
      );
    } catch (error) {
      this.#fail(error as TurnpikeError);
      return;
    }
    this.#current = introduction;
    if (this.#waiter === undefined) this.#unclaimed = introduction;
    else this.#waiter.resolve(introduction);
  }

  #receiveAddress(message: Readonly<Record<string, unknown>>): void {
    const current = this.#current;
    if (current === undefined || message.connectionId !== current.grant.connectionId) return;
    const address = readAddress(message);
    if (address !== undefined) current.receive(address);
  }

  #receiveError(message: Readonly<Record<string, unknown>>): void {
    const { code, message: text, retryAfterSeconds } = message;
    const error = new TurnpikeError(
      'ERR_TURNPIKE_RENDEZVOUS',
      `rendezvous: ${String(code)}: ${String(text)}`,
      typeof retryAfterSeconds === 'number' ? { retryAfterSeconds } : {},
    );
    this.#options.logger?.debug({ err: error }, 'rendezvous');
    // A directory of version 0.1.0 closes the socket now; it is opened again.
    if (code === 'bad-message' && this.#hints.refused()) return;
    if (code === 'no-relay') {
      if (message.reason === 'no-family' && this.#hints.unserved()) {
        this.#ready = false;
        this.#join();
      } else this.emit('retrying', error);
    } else if (REOPENED.has(String(code))) this.emit('retrying', error);
    else this.#fail(error);
  }

  #socketLost(socket: RendezvousSocket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#ready = false;
    // Once both addresses are exchanged, the connection does not need the directory.
    if (this.#current?.complete === false) this.#current.end('the directory went away');
    this.#waiter?.resolve(undefined);
  }

  #fail(error: TurnpikeError): void {
    if (this.#failed !== undefined) return;
    this.#failed = error;
    this.#socket?.close();
    this.#socket = undefined;
    if (this.#current?.complete === false) this.#current.end(error.message);
    this.#waiter?.reject(error);
  }
}

/** Returns a random member name, for `RendezvousOptions.member`. */
export function newMember(random: RandomBytes): string {
  return Buffer.from(random(18)).toString('base64url');
}

function readAddress(message: Readonly<Record<string, unknown>>): TransportAddress | undefined {
  const { address, port } = message;
  if (typeof address !== 'string' || typeof port !== 'number') return undefined;
  try {
    return transportAddress(address, port);
  } catch {
    return undefined;
  }
}

/** Returns whether another attempt may soon succeed. */
function isTemporary(error: unknown): error is TurnpikeError {
  if (isTurnpikeError(error, 'ERR_TURNPIKE_DIRECTORY_UNREACHABLE')) return true;
  if (!isTurnpikeError(error, 'ERR_TURNPIKE_DIRECTORY')) return false;
  return error.status === 429 || (error.status ?? 0) >= 500;
}
