import { EventEmitter } from 'node:events';
import { types } from 'node:util';
import { isTurnpikeError, TurnpikeError } from '../errors.js';
import { wrongArgument } from '../options/check.js';
import { PAYLOAD_BYTES_RECOMMENDED } from '../stun/channel-data.js';
import { ConnectionLosses } from './avoided-relays.js';
import { DIRECTORY_ANSWER_MS } from './http-json.js';
import type { Introduced, ReconnectOptions } from './join.js';
import { MessageQueue } from './message-queue.js';
import type { Peer } from './peer.js';
import { aborted } from './peer-errors.js';
import type { PeerStats } from './peer-options.js';
import { PAYLOAD_BYTES_MAX } from './peer-options.js';
import { pause, type Scheduler } from './scheduler.js';

/** The most that `giveUpMs` may be: a timer can wait no longer. */
export const GIVE_UP_MS_MAX = 2_147_483_647;

/** The waits between attempts begin anew after a connection that lasted this long. */
export const SETTLED_MS = 10_000;

/** The longest wait before another attempt to connect. */
export const BACKOFF_MS_MAX = 10_000;

/** The first wait before another attempt to connect. */
export const BACKOFF_MS_MIN = 500;

/** Why there is no connection now, and when the next attempt begins. */
export interface Reconnecting {
  readonly reason: TurnpikeError;
  /** 1 for the first attempt since a connection that lasted some seconds was lost. */
  readonly attempt: number;
  readonly waitMs: number;
}

interface ReconnectingPeerEvents {
  /** A payload of the other peer. */
  message: [payload: Uint8Array];
  /** A new connection is there in place of one that was lost; the first one tells nothing. */
  connected: [peer: Peer];
  /** There is none, and another will be made. */
  reconnecting: [state: Reconnecting];
  /** As those of `Peer`. */
  unresponsive: [];
  responsive: [];
  'recommended-payload': [payloadBytes: number];
  /** The end, once: without an error when `close` was called. */
  close: [error: TurnpikeError | undefined];
  /** Node's own event (EventEmitter). */
  newListener: [event: string | symbol];
}

/** What it is made from: `Peer.join` fills it in. */
export interface ReconnectingPeerOptions {
  /** Makes one connection. */
  readonly connect: (options: Introduced) => Promise<Peer>;
  /** Gives up what `connect` keeps from one connection to the next. */
  readonly release: () => void;
  readonly reconnect: ReconnectOptions;
  /** Told of each failure before the first connection, after which it is tried again. */
  readonly onNotYet: (reason: TurnpikeError) => void;
  readonly scheduler: Scheduler;
  /** 0 to 1, to spread the attempts of many peers. */
  readonly random: () => number;
  readonly receiveQueueMessagesMax: number;
}

/** Errors that another attempt would meet again: a mistake, or credentials that are refused. */
const FINAL: ReadonlySet<string> = new Set([
  'ERR_TURNPIKE_ADDRESS',
  'ERR_TURNPIKE_CONFIG',
  'ERR_TURNPIKE_CREDENTIAL',
  'ERR_TURNPIKE_INTERNAL',
  'ERR_TURNPIKE_PRIVILEGE',
  'ERR_TURNPIKE_SECRET',
]);

/** A certificate that is not trusted, or a server that does not speak this protocol. */
const FINAL_ERRNOS = /SELF_SIGNED|UNABLE_TO_|ALTNAME|WRONG_VERSION|PACKET_LENGTH|^EPROTO|^HPE_/;

/** @param first - there was no connection yet, so that a refused room is likelier a mistake */
function isFinal(error: unknown, first: boolean): boolean {
  if (!isTurnpikeError(error)) return true;
  if (error.code === 'ERR_TURNPIKE_RENDEZVOUS' && first) return true;
  if (FINAL.has(error.code) || FINAL_ERRNOS.test(error.errno ?? '')) return true;
  return error.status === 401 || error.status === 403;
}

/**
 * A peer that outlives its connections: when one ends, whatever the reason, it meets the other side
 * in the same room again, until `close`, a refusal or `giveUpMs`. Payloads sent while there is no
 * connection are dropped and counted, as UDP would; none is kept, because datagrams become stale.
 * Made by `Peer.join` with `reconnect`. It keeps the process alive.
 *
 * Payloads are delivered as by `Peer`: events, or async iteration over all connections.
 */
export class ReconnectingPeer
  extends EventEmitter<ReconnectingPeerEvents>
  implements AsyncIterable<Uint8Array>
{
  /** The largest payload that `send` takes. */
  readonly payloadBytesMax: number = PAYLOAD_BYTES_MAX;
  readonly #options: ReconnectingPeerOptions;
  readonly #queue: MessageQueue<Uint8Array>;
  readonly #stop = new AbortController();
  readonly #sums = new Map<string, number>();
  #current: Peer | undefined;
  #connections = 0;
  #isClosed = false;
  #closeReason: TurnpikeError | undefined;
  #ended: Promise<void> | undefined;

  private constructor(options: ReconnectingPeerOptions) {
    super();
    this.#options = options;
    this.#queue = new MessageQueue(options.receiveQueueMessagesMax);
    this.on('newListener', (event) => {
      if (event === 'message') queueMicrotask(() => this.#deliverQueued());
    });
  }

  /**
   * Makes the first connection.
   * @param signal - ends that; afterwards it has no effect
   * @throws as `Peer.join`; with `fromStart` only what no later attempt could mend
   */
  static async open(
    options: ReconnectingPeerOptions,
    signal: AbortSignal | undefined,
  ): Promise<ReconnectingPeer> {
    const peer = new ReconnectingPeer(options);
    if (signal?.aborted) throw aborted(signal);
    const onAbort = () => peer.#stop.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort);
    let onFirst = (_peer: Peer) => {};
    const first = new Promise<Peer>((resolve) => {
      onFirst = resolve;
    });
    try {
      const run = peer.#run(onFirst);
      peer.#ended = run.then(
        () => peer.#end(undefined),
        (error) => peer.#end(error),
      );
      await Promise.race([first, run]);
      if (signal?.aborted) throw aborted(signal);
      return peer;
    } catch (error) {
      if (signal?.aborted) throw aborted(signal);
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** `established` or `reconnecting`; `closed` after the end. */
  get state(): 'established' | 'reconnecting' | 'closed' {
    if (this.#isClosed) return 'closed';
    return this.#current?.state === 'established' ? 'established' : 'reconnecting';
  }

  /** The connection of now; undefined while there is none. */
  get current(): Peer | undefined {
    return this.#current;
  }

  /** As `Peer.relayResponsive`; false also while there is no connection. */
  get relayResponsive(): boolean {
    return this.#current?.relayResponsive ?? false;
  }

  /** As `Peer.payloadBytesRecommended`, of the connection of now. */
  get payloadBytesRecommended(): number {
    return this.#current?.payloadBytesRecommended ?? PAYLOAD_BYTES_RECOMMENDED;
  }

  /**
   * Sends one payload.
   * @returns false when it was dropped: there is no connection now, or as `Peer.send`
   * @throws as `Peer.send`
   */
  send(payload: Uint8Array): boolean {
    if (this.#current !== undefined) return this.#current.send(payload);
    if (!types.isUint8Array(payload)) {
      throw wrongArgument('ReconnectingPeer#send', 'a Uint8Array, such as a Buffer', payload);
    }
    if (payload.length > this.payloadBytesMax) {
      throw new TurnpikeError(
        'ERR_TURNPIKE_PAYLOAD_TOO_LARGE',
        `a payload has at most ${this.payloadBytesMax} bytes, not ${payload.length}`,
      );
    }
    this.#add('sendDrops', 1);
    return false;
  }

  /** Counters over all connections, and how many there were. */
  stats(): Omit<PeerStats, 'ignored' | 'relayRttMs' | 'integrity'> & {
    readonly connections: number;
  } {
    const now = this.#current?.stats();
    const sum = (name: keyof PeerStats) =>
      (this.#sums.get(name) ?? 0) + Number(now === undefined ? 0 : now[name]);
    return {
      connections: this.#connections,
      packetsSent: sum('packetsSent'),
      packetsReceived: sum('packetsReceived'),
      bytesSent: sum('bytesSent'),
      bytesReceived: sum('bytesReceived'),
      sendDrops: sum('sendDrops'),
      sendErrors: sum('sendErrors'),
      receiveDrops: sum('receiveDrops'),
    };
  }

  /** Gives the connection of now up, for the application's own reason, and makes another. */
  async reconnect(reason: TurnpikeError): Promise<void> {
    await this.#current?.close(reason);
  }

  /**
   * Closes the connection, if there is one, ends all attempts and leaves the room. Idempotent, at
   * any moment; never rejects. Takes at most as long as `Peer.close`.
   * @param reason - what the 'close' event and async iteration report; nothing when left out
   */
  async close(reason?: TurnpikeError): Promise<void> {
    if (!this.#stop.signal.aborted) {
      this.#closeReason = reason;
      this.#stop.abort();
    }
    await this.#current?.close(reason);
    await this.#ended;
  }

  /** Payloads of the other peer that no 'message' listener took. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#queue[Symbol.asyncIterator]();
  }

  /** Connection after connection; ends by `close`, and throws what it cannot go on after. */
  async #run(onFirst: (peer: Peer) => void): Promise<void> {
    const { scheduler, reconnect, random } = this.#options;
    const { giveUpMs = Number.POSITIVE_INFINITY, fromStart = false } = reconnect;
    const stop = this.#stop.signal;
    let lostAtMs = Number.POSITIVE_INFINITY;
    // Waiting for the other side is no failure, however long it takes.
    let failingSinceMs = Number.POSITIVE_INFINITY;
    let avoid: readonly string[] = [];
    const losses = new ConnectionLosses(scheduler);
    let attempt = 0;
    while (!stop.aborted) {
      let reason: TurnpikeError;
      const startedMs = scheduler.monotonic();
      try {
        const avoided = [...new Set([...avoid, ...losses.ids])];
        const peer = await this.#connect(avoided, lostAtMs + giveUpMs);
        const { id } = peer.grant.relay;
        const madeAtMs = scheduler.monotonic();
        reason = await this.#live(peer, onFirst);
        lostAtMs = scheduler.monotonic();
        // A connection that is lost at once counts as a failed attempt for the backoff.
        if (lostAtMs - madeAtMs >= SETTLED_MS) attempt = 0;
        losses.noteLoss(id, reason.reason);
        avoid = reason.reason === 'relay-unresponsive' ? [id] : [];
      } catch (error) {
        if (stop.aborted) return;
        const first = this.#connections === 0;
        if ((first && !fromStart) || isFinal(error, first)) throw error;
        reason = error as TurnpikeError;
        avoid = [];
        const nowMs = scheduler.monotonic();
        // Time that an attempt waited in the room for the other side is no time of failure.
        const waited = nowMs - startedMs > 2 * DIRECTORY_ANSWER_MS;
        failingSinceMs = waited ? nowMs : Math.min(failingSinceMs, nowMs);
        if (first) this.#options.onNotYet(reason);
      }
      if (stop.aborted) return;
      const sinceMs = Number.isFinite(lostAtMs) ? lostAtMs : failingSinceMs;
      const leftMs = sinceMs + giveUpMs - scheduler.monotonic();
      if (leftMs <= 0) throw gaveUp(giveUpMs, this.#connections > 0, reason);
      const waitMs = Math.min(leftMs, backoffMs(attempt, random()));
      attempt += 1;
      this.emit('reconnecting', { reason, attempt, waitMs });
      await pause(scheduler, waitMs, stop);
    }
  }

  /** One attempt. @param untilMs - monotonic time at which it is given up */
  async #connect(avoid: readonly string[], untilMs: number): Promise<Peer> {
    const { scheduler, connect, release } = this.#options;
    const late = new AbortController();
    const cancel = Number.isFinite(untilMs)
      ? scheduler.after(Math.max(0, untilMs - scheduler.monotonic()), () => late.abort())
      : () => {};
    try {
      return await connect({ avoid, signal: AbortSignal.any([this.#stop.signal, late.signal]) });
    } catch (error) {
      // A rendezvous that has failed stays so: the next attempt enters the room anew.
      release();
      if (!late.signal.aborted) throw error;
      throw new TurnpikeError('ERR_TURNPIKE_TIMEOUT', 'the other side did not come back', {
        cause: error,
      });
    } finally {
      cancel();
    }
  }

  /** Serves one connection. @returns why it ended */
  #live(peer: Peer, onFirst: (peer: Peer) => void): Promise<TurnpikeError> {
    return new Promise((resolve) => {
      const end = (error: TurnpikeError | undefined) => {
        for (const [name, value] of Object.entries(peer.stats())) {
          if (typeof value === 'number') this.#add(name, value);
        }
        this.#current = undefined;
        resolve(error ?? new TurnpikeError('ERR_TURNPIKE_CLOSED', 'the connection was closed'));
      };
      this.#current = peer;
      this.#connections += 1;
      peer.once('close', end);
      peer.on('message', (payload) => this.#deliver(payload));
      peer.on('unresponsive', () => this.emit('unresponsive'));
      peer.on('responsive', () => this.emit('responsive'));
      peer.on('recommended-payload', (bytes) => this.emit('recommended-payload', bytes));
      if (this.#stop.signal.aborted) void peer.close(this.#closeReason);
      else if (this.#connections === 1) onFirst(peer);
      else this.emit('connected', peer);
    });
  }

  #end(error: TurnpikeError | undefined): void {
    this.#isClosed = true;
    this.#stop.abort();
    this.#options.release();
    const reason = error ?? this.#closeReason;
    this.#queue.end(reason);
    this.emit('close', reason);
  }

  #deliver(payload: Uint8Array): void {
    if (this.listenerCount('message') > 0) this.emit('message', payload);
    else if (!this.#queue.push(payload)) this.#add('receiveDrops', 1);
  }

  #deliverQueued(): void {
    for (const payload of this.#queue.drain()) this.#deliver(payload);
  }

  #add(name: string, count: number): void {
    this.#sums.set(name, (this.#sums.get(name) ?? 0) + count);
  }
}

/** Half to the whole of an interval that doubles with each attempt. */
function backoffMs(attempt: number, random: number): number {
  const longest = Math.min(BACKOFF_MS_MIN * 2 ** attempt, BACKOFF_MS_MAX);
  return Math.round((longest / 2) * (1 + random));
}

function gaveUp(giveUpMs: number, wasConnected: boolean, cause: TurnpikeError): TurnpikeError {
  const seconds = giveUpMs / 1_000;
  const what = wasConnected
    ? `the connection was lost and did not come back in ${seconds} s`
    : `no connection could be made in ${seconds} s`;
  return new TurnpikeError('ERR_TURNPIKE_TIMEOUT', `${what}: ${cause.message}`, { cause });
}
