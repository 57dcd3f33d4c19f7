import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import { type TransportAddress, transportAddress } from '../address.js';
import { asTurnpikeError, isTurnpikeError, TurnpikeError } from '../errors.js';
import { checkOptions } from '../options/check.js';
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

/** The first wait before a lost socket to the directory is opened again. */
export const REOPEN_MS_MIN = 500;

/** The longest such wait. */
export const REOPEN_MS_MAX = 5_000;

export interface RendezvousOptions extends DirectoryAccess {
  /** 1 to 128 characters; peers of one tenant that name the same room meet. */
  readonly room: string;
  /**
   * What the directory may know of this peer when it chooses its relay. Where neither `family` nor
   * `families` is given, `families` is what this host has a route to relays in; a directory that
   * has no relay for those is asked again without them.
   */
  readonly hints?: PeerHints | undefined;
  /**
   * 16 to 64 characters of `A-Za-z0-9_-`, random, the same for the life of the peer: whoever joins
   * with it takes the place of an older socket. Default: one of this object's own.
   */
  readonly member?: string | undefined;
  /** Ends `Rendezvous.open`; afterwards it has no effect. */
  readonly signal?: AbortSignal | undefined;
  readonly logger?: Logger | undefined;
  readonly scheduler?: Scheduler | undefined;
  readonly random?: RandomBytes | undefined;
}

interface RendezvousEvents {
  /** This peer is in the room; the other side is not, or is not ready. */
  waiting: [];
  /** Something is missing for now, no relay or the directory; it is tried again by itself. */
  retrying: [error: TurnpikeError];
  /** The other side's socket is gone; an established connection lives on. */
  'peer-left': [];
}

/** A connection; undefined when the socket was lost, so that `next` opens another. */
type Arrival = Introduction | undefined;

/** What `Rendezvous.next` asks for. */
export interface NextOptions {
  readonly signal?: AbortSignal | undefined;
  /** Ids of relays not to be given while another can serve; at most 8, in place of those before. */
  readonly avoid?: readonly string[] | undefined;
}

/** Closes after which opening a new socket is right (docs/rendezvous.md, Errors). */
const REOPENED: ReadonlySet<string> = new Set(['shutting-down', 'room-expired']);

/**
 * A place in a rendezvous room of the directory (docs/rendezvous.md), for peers that have no
 * signalling of their own. It outlives connections: `next` gives one after the other. A socket that
 * breaks is opened again when the next connection is wanted. An open one keeps the process alive:
 * `close` it.
 */
export class Rendezvous extends EventEmitter<RendezvousEvents> {
  readonly #options: RendezvousOptions;
  readonly #scheduler: Scheduler;
  readonly #random: RandomBytes;
  /** The same for the life of this object, so that a new socket takes the place of a broken one. */
  readonly #member: string;
  #socket: RendezvousSocket | undefined;
  /** Whether the directory counts us as waiting for a connection. */
  #ready = false;
  #current: Introduction | undefined;
  #unclaimed: Introduction | undefined;
  #waiter: { resolve: (arrival: Arrival) => void; reject: (error: Error) => void } | undefined;
  #failed: TurnpikeError | undefined;
  #avoid: readonly string[];
  readonly #hints: JoinHints;

  private constructor(options: RendezvousOptions) {
    super();
    this.#options = options;
    const { hints = {} } = options;
    this.#hints = new JoinHints(options, hints);
    this.#avoid = hints.avoid ?? [];
    this.#scheduler = options.scheduler ?? systemScheduler;
    this.#random = options.random ?? randomBytes;
    this.#member = options.member ?? newMember(this.#random);
  }

  /**
   * Enters a room.
   * @throws TurnpikeError ERR_TURNPIKE_DIRECTORY with `status` when the directory refuses;
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

  /** Whether a value is one, whatever a Proxy of it says. */
  static isOne(value: unknown): value is Rendezvous {
    return typeof value === 'object' && value !== null && #member in value;
  }

  /**
   * Asks for a new connection, unless one is there already, and waits for the other side for as
   * long as it takes. Call it again when a connection is over.
   * @throws TurnpikeError ERR_TURNPIKE_ABORTED; ERR_TURNPIKE_RENDEZVOUS when the directory ended
   *   it (room full, replaced, …) or it was closed; ERR_TURNPIKE_DIRECTORY
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
      this.#join();
      const introduction = await this.#arrival(signal);
      if (introduction !== undefined) return introduction;
    }
  }

  /** As given. */
  get hints(): PeerHints {
    return this.#options.hints ?? {};
  }

  /** Leaves the room. Established connections live on. Idempotent. */
  close(): void {
    this.#fail(new TurnpikeError('ERR_TURNPIKE_RENDEZVOUS', 'the rendezvous was closed'));
  }

  async #open(signal: AbortSignal | undefined): Promise<void> {
    const over = new AbortController();
    const until = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
    const measured = this.#hints.measure(until);
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
    await measured;
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

  /** Joins, unless the directory counts this peer as waiting, with the same relays to avoid. */
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

  /** Types and members that are unknown here are ignored (docs/rendezvous.md, Opening). */
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
    // A directory of version 0.1.0: the socket that it closes now is opened again.
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
    // Once both addresses are exchanged the connection needs the directory no more.
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

/** A random name of a member, for `RendezvousOptions.member`. */
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

/** Whether the directory may answer differently in a moment. */
function isTemporary(error: unknown): error is TurnpikeError {
  if (isTurnpikeError(error, 'ERR_TURNPIKE_DIRECTORY_UNREACHABLE')) return true;
  if (!isTurnpikeError(error, 'ERR_TURNPIKE_DIRECTORY')) return false;
  return error.status === 429 || (error.status ?? 0) >= 500;
}
