import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { formatAddress } from '../../address.js';
import type { Peer, Reconnecting } from '../../client/index.js';
import type { Clock } from '../../clock.js';
import { TurnpikeError } from '../../errors.js';
import { PING_MS } from '../../stream/path.js';
import type { Link, PeerMode } from './peer-mode.js';

/** A path on which the other side was not heard for this long is given up. */
export const PATH_SILENCE_MS = 15_000;

/** What a mode needs of a `ReconnectingPeer`. */
export interface LastingPeer {
  readonly current: Peer | undefined;
  on(event: 'message', listener: (payload: Uint8Array) => void): unknown;
  on(event: 'connected', listener: (peer: Peer) => void): unknown;
  on(event: 'reconnecting', listener: (state: Reconnecting) => void): unknown;
  on(event: 'unresponsive' | 'responsive', listener: () => void): unknown;
  on(event: 'close', listener: (error: TurnpikeError | undefined) => void): unknown;
  reconnect(reason: TurnpikeError): Promise<void>;
  close(): Promise<void>;
}

export interface RunModeOptions {
  /** Meets the other side, for as long as it takes. */
  readonly join: (signal: AbortSignal) => Promise<LastingPeer>;
  readonly mode: PeerMode;
  readonly logger: Logger;
  readonly clock: Clock;
  /** How often a path is looked at on which nothing is heard, milliseconds. */
  readonly silenceCheckMs?: number;
  readonly stop: AbortSignal;
  /** Told of each connection, and of its end. */
  readonly onLink: (link: Link | undefined) => void;
}

/**
 * Keeps a mode connected by a peer that outlives its connections.
 * @returns the exit code: the mode has finished, or a signal came
 * @throws what the mode fails with, and what makes a connection impossible
 */
export async function runMode(options: RunModeOptions): Promise<number> {
  const { join, mode, stop } = options;
  const done = new AbortController();
  const ends = Promise.race([stopped(mode, stop, done.signal), mode.finished]);
  ends.catch(() => {});
  const joining = join(done.signal);
  joining.catch(() => {});
  try {
    const first = await Promise.race([ends, joining]);
    if (typeof first === 'number') return first;
    return await Promise.race([ends, new Sessions(options, first, ends).failed]);
  } finally {
    done.abort();
    mode.detach();
    options.onLink(undefined);
    const peer = await joining.catch(() => undefined);
    await peer?.close();
  }
}

/** Resolves when a signal has come and the mode has told the other side. */
function stopped(mode: PeerMode, stop: AbortSignal, done: AbortSignal): Promise<number> {
  return new Promise((resolve) => {
    const onStop = () => resolve(mode.interrupt(String(stop.reason)));
    if (stop.aborted) onStop();
    stop.addEventListener('abort', onStop, { signal: done });
  });
}

/** Hands connections and payloads to the mode until the peer is closed. */
class Sessions {
  /** Rejects when the peer gave up. */
  readonly failed: Promise<never>;
  readonly #options: RunModeOptions;
  readonly #peer: LastingPeer;
  #attachedAtMs = 0;
  #isOver = false;

  constructor(options: RunModeOptions, peer: LastingPeer, ends: Promise<unknown>) {
    this.#options = options;
    this.#peer = peer;
    const over = () => {
      this.#isOver = true;
      clearInterval(silence);
    };
    ends.then(over, over);
    const silence = setInterval(() => this.#checkSilence(), options.silenceCheckMs ?? PING_MS);
    peer.on('message', (payload) => options.mode.receive(payload));
    peer.on('connected', (connected) => this.#attach(connected));
    peer.on('reconnecting', (state) => void this.#reconnecting(state));
    peer.on('unresponsive', () => this.#say('unresponsive', 'the relay does not answer'));
    peer.on('responsive', () => this.#say('responsive', 'the relay answers again'));
    this.failed = new Promise((_, reject) => {
      peer.on('close', (error) => {
        clearInterval(silence);
        reject(error ?? new TurnpikeError('ERR_TURNPIKE_CLOSED', 'the connection is closed'));
      });
    });
    this.failed.catch(() => {});
    if (peer.current !== undefined) this.#attach(peer.current);
  }

  #attach(connected: Peer): void {
    const link = linkOf(connected);
    logPath(this.#options.logger, link);
    this.#attachedAtMs = this.#options.clock.monotonic();
    this.#options.mode.attach(link);
    this.#options.onLink(link);
  }

  async #reconnecting({ reason, attempt, waitMs }: Reconnecting): Promise<void> {
    this.#options.mode.detach();
    this.#options.onLink(undefined);
    // The end of the connection may be all that the mode was waiting for.
    await nextTurn();
    if (this.#isOver) return;
    const why = { reason: reason.message, ...(reason.reason && { cause: reason.reason }) };
    this.#options.logger.warn(
      { event: 'reconnecting', ...why, attempt, waitMs },
      `${reason.message}: connecting again`,
    );
  }

  #say(event: 'unresponsive' | 'responsive', words: string): void {
    this.#options.logger.debug({ event }, words);
  }

  /** Gives a path up on which nothing was heard for too long, whatever its relays say. */
  #checkSilence(): void {
    const { clock, mode } = this.#options;
    if (this.#peer.current === undefined) return;
    const quietMs = clock.monotonic() - Math.max(this.#attachedAtMs, mode.lastHeardMs);
    if (quietMs < PATH_SILENCE_MS) return;
    const text = `nothing heard from the other side for ${PATH_SILENCE_MS / 1_000} s`;
    void this.#peer.reconnect(new TurnpikeError('ERR_TURNPIKE_TIMEOUT', text));
  }
}

function linkOf(peer: Peer): Link {
  const { connectionId, role, relay, peerRelay } = peer.grant;
  return {
    connectionId,
    role,
    relay,
    peerRelay,
    natAddress: peer.mappedAddress,
    peerNatAddress: peer.peerAddress ?? peerRelay,
    payloadBytesMax: peer.payloadBytesMax,
    send: (payload) => void peer.send(payload),
  };
}

function logPath(logger: Logger, link: Link): void {
  const { connectionId, role, relay, peerRelay, natAddress, peerNatAddress } = link;
  const path = [
    `this peer ${formatAddress(natAddress)}`,
    `relay ${relay.id} (${relay.region})`,
    `relay ${formatAddress(peerRelay)}`,
    `other peer ${formatAddress(peerNatAddress)}`,
  ].join(' -> ');
  logger.info(
    {
      event: 'connected',
      connectionId,
      role,
      relay: relay.id,
      region: relay.region,
      peerRelay: formatAddress(peerRelay),
      natAddress: formatAddress(natAddress),
      peerNatAddress: formatAddress(peerNatAddress),
    },
    `connected: ${path}`,
  );
}
