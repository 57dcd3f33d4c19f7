import { EventEmitter } from 'node:events';
import { types } from 'node:util';
import { isTurnpikeError, TurnpikeError } from '../errors.js';
import { wrongArgument } from '../options/check.js';
import { PAYLOAD_BYTES_RECOMMENDED } from '../stun/channel-data.js';
import { AvoidedAfterLosses } from './avoided-relays.js';
import { DIRECTORY_ANSWER_MS } from './http-json.js';
import type { AttemptOptions, ReconnectOptions } from './join.js';
import { MessageQueue } from './message-queue.js';
import type { Peer } from './peer.js';
import { aborted } from './peer-errors.js';
import type { PeerStats } from './peer-options.js';
import { PAYLOAD_BYTES_MAX } from './peer-options.js';
import { pause, type Scheduler } from './scheduler.js';

/** Maximum of `giveUpMs`: the maximum of a timer. */
export const GIVE_UP_MS_MAX = 2_147_483_647;

/** Duration of a connection after which the back-off starts again. */
export const SETTLED_MS = 10_000;

/** Maximum back-off before another attempt to connect. */
export const BACKOFF_MS_MAX = 10_000;

/** Initial back-off before another attempt to connect. */
export const BACKOFF_MS_MIN = 500;

/** Why there is no connection now, and when the next attempt starts. */
export interface Reconnecting {
  readonly reason: TurnpikeError;
  /** 1 for the first attempt since the loss of a connection that lasted `SETTLED_MS`. */
  readonly attempt: number;
  readonly waitMs: number;
}

interface ReconnectingPeerEvents {
  /** A payload of the other peer. */
  message: [payload: Uint8Array];
  /** A new connection replaces a lost one; not emitted for the first one. */
  connected: [peer: Peer];
  /** There is no connection, and another attempt follows. */
  reconnecting: [state: Reconnecting];
  /** As the events of `Peer`. */
  unresponsive: [];
  responsive: [];
  'recommended-payload': [payloadBytes: number];
  /** The end, once; without an error after `close` without a reason. */
  close: [error: TurnpikeError | undefined];
  /** Node's own event (EventEmitter). */
  newListener: [event: string | symbol];
}

/** Dependencies of a `ReconnectingPeer`; `Peer.join` supplies them. */
export interface ReconnectingPeerOptions {
  /** Establishes one connection. */
  readonly connect: (options: AttemptOptions) => Promise<Peer>;
  /** Releases what `connect` keeps between connections. */
  readonly release: () => void;
  readonly reconnect: ReconnectOptions;
  /** Called for each failure before the first connection that is followed by another attempt. */
  readonly onNotYet: (reason: TurnpikeError) => void;
  readonly scheduler: Scheduler;
  /** Uniform in [0, 1), to spread the attempts of many peers. */
  readonly random: () => number;
  readonly receiveQueueMessagesMax: number;
}

/** Error codes that another attempt would meet again: mistakes, and refused credentials. */
const FINAL: ReadonlySet<string> = new Set([
  'ERR_TURNPIKE_ADDRESS',
  'ERR_TURNPIKE_CONFIG',
  'ERR_TURNPIKE_CREDENTIAL',
  'ERR_TURNPIKE_INTERNAL',
  'ERR_TURNPIKE_PRIVILEGE',
  'ERR_TURNPIKE_SECRET',
]);

/** An untrusted certificate, or a server of another protocol. */
const FINAL_ERRNOS = /SELF_SIGNED|UNABLE_TO_|ALTNAME|WRONG_VERSION|PACKET_LENGTH|^EPROTO|^HPE_/;

/**
 * Returns whether an error ends all attempts.
 * @param first - whether there was no connection yet: then a refused room is probably a mistake
 */
function isFinal(error: unknown, first: boolean): boolean {
  if (!isTurnpikeError(error)) return true;
  if (error.code === 'ERR_TURNPIKE_RENDEZVOUS' && first) return true;
  if (FINAL.has(error.code) || FINAL_ERRNOS.test(error.errno ?? '')) return true;
  return error.status === 401 || error.status === 403;
}

/**
 * A peer that reconnects: when a connection ends for any reason, it meets the other side in the
 * same room again, until `close`, a refusal or `giveUpMs`. Payloads sent without a connection are
 * dropped and counted, not queued, because datagrams become stale. Created by `Peer.join` with
 * `reconnect`. It keeps the process alive.
 *
 * Payloads are delivered as by `Peer`: by events, or by async iteration over all connections.
 */
export class ReconnectingPeer
  extends EventEmitter<ReconnectingPeerEvents>
  implements AsyncIterable<Uint8Array>
{
  /** Maximum payload of `send`, bytes. */
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
   * Establishes the first connection.
   * @param signal - aborts that; no effect afterwards
   * @throws as `Peer.join`; with `fromStart` only for errors that another attempt would meet again
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

  /** The present connection; undefined while there is none. */
  get current(): Peer | undefined {
    return this.#current;
  }

  /** As `Peer.relayResponsive`; false also without a connection. */
  get relayResponsive(): boolean {
    return this.#current?.relayResponsive ?? false;
  }

  /** As `Peer.payloadBytesRecommended`, of the present connection. */
  get payloadBytesRecommended(): number {
    return this.#current?.payloadBytesRecommended ?? PAYLOAD_BYTES_RECOMMENDED;
  }

  /**
   * Sends one payload.
   * @returns false if it was dropped: there is no connection, or as `Peer.send`
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

  /** Returns counters over all connections, and the number of connections. */
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

  /**
   * Closes the present connection for the application's own reason, so that another one follows.
   */
  async reconnect(reason: TurnpikeError): Promise<void> {
    await this.#current?.close(reason);
  }

  /**
   * Closes the connection if there is one, ends all attempts and leaves the room, in the time of
   * `Peer.close`. Never rejects. May be called at any time, and again.
   * @param reason - reported by the 'close' event and async iteration
   */
  async close(reason?: TurnpikeError): Promise<void> {
    if (!this.#stop.signal.aborted) {
      this.#closeReason = reason;
      this.#stop.abort();
    }
    await this.#current?.close(reason);
    await this.#ended;
  }

  /** Iterates over payloads that no 'message' listener took. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#queue[Symbol.asyncIterator]();
  }

  /** Establishes one connection after another. Returns after `close`; throws final errors. */
  async #run(onFirst: (peer: Peer) => void): Promise<void> {
    const { scheduler, reconnect, random } = this.#options;
    const { giveUpMs = Number.POSITIVE_INFINITY, fromStart = false } = reconnect;
    const stop = this.#stop.signal;
    let lostAtMs = Number.POSITIVE_INFINITY;
    // Waiting for the other side does not count as failure.
    let failingSinceMs = Number.POSITIVE_INFINITY;
    let avoid: readonly string[] = [];
    const losses = new AvoidedAfterLosses(scheduler);
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
        // A connection that is lost soon counts as a failed attempt for the back-off.
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
        // An attempt that waited in the room for the other side did not fail during that time.
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

  /** Makes one attempt. @param untilMs - monotonic time at which it is given up, ms */
  async #connect(avoid: readonly string[], untilMs: number): Promise<Peer> {
    const { scheduler, connect, release } = this.#options;
    const late = new AbortController();
    const cancel = Number.isFinite(untilMs)
      ? scheduler.after(Math.max(0, untilMs - scheduler.monotonic()), () => late.abort())
      : () => {};
    try {
      return await connect({ avoid, signal: AbortSignal.any([this.#stop.signal, late.signal]) });
    } catch (error) {
      // A failed rendezvous cannot be used again: the next attempt joins the room anew.
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

/** Returns a random back-off, ms: half to all of an interval that doubles with each attempt. */
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
