import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Peer, Reconnecting } from '../../client/index.js';
import type { Clock } from '../../clock.js';
import { TurnpikeError } from '../../errors.js';
import { PING_MS } from '../../stream/path.js';
import { aborted } from '../signals.js';
import { logConnected, logReconnecting } from './peer-log.js';
import type { Link, PeerMode } from './peer-mode.js';

/** A connection is replaced after this time without a message of the other side. */
export const PATH_SILENCE_MS = 15_000;

/** The part of a `ReconnectingPeer` that a mode uses. */
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
  /** Establishes the first connection. */
  readonly join: (signal: AbortSignal) => Promise<LastingPeer>;
  readonly mode: PeerMode;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Interval of checks for `PATH_SILENCE_MS`. */
  readonly silenceCheckMs?: number;
  readonly stop: AbortSignal;
  /** Called for each connection, and without one at its end. */
  readonly onLink: (link: Link | undefined) => void;
}

/**
 * Runs a mode over the connections of a peer.
 * @returns the exit code when the mode has finished or `stop` is aborted
 * @throws the error with which the mode fails, or for which the peer does not connect again
 */
export async function runMode(options: RunModeOptions): Promise<number> {
  const { join, mode, stop, onLink } = options;
  const done = new AbortController();
  const interrupted = aborted(stop).then(() => mode.interrupt(String(stop.reason)));
  const ends = Promise.race([interrupted, mode.finished]);
  ends.catch(() => {});
  const joining = join(done.signal);
  joining.catch(() => {});
  try {
    const first = await Promise.race([ends, joining]);
    if (typeof first === 'number') return first;
    return await Promise.race([ends, serve(options, first, done.signal)]);
  } finally {
    done.abort();
    mode.detach();
    onLink(undefined);
    const peer = await joining.catch(() => undefined);
    await peer?.close();
  }
}

/**
 * Passes connections and payloads to the mode.
 * @param done - aborted at the end of the mode
 * @returns a promise that rejects when the peer does not connect again
 */
function serve(
  { mode, logger, clock, silenceCheckMs = PING_MS, onLink }: RunModeOptions,
  peer: LastingPeer,
  done: AbortSignal,
): Promise<never> {
  let attachedAtMs = 0;
  const attach = (connected: Peer) => {
    const link = linkOf(connected);
    logConnected(logger, link);
    attachedAtMs = clock.monotonic();
    mode.attach(link);
    onLink(link);
  };
  const reconnecting = async (state: Reconnecting) => {
    mode.detach();
    onLink(undefined);
    // The mode may finish because the connection has ended.
    await nextTurn();
    if (!done.aborted) logReconnecting(logger, state);
  };
  const checkSilence = () => {
    const quietMs = clock.monotonic() - Math.max(attachedAtMs, mode.lastHeardMs);
    if (peer.current === undefined || quietMs < PATH_SILENCE_MS) return;
    const text = `nothing heard from the other side for ${PATH_SILENCE_MS / 1_000} s`;
    void peer.reconnect(new TurnpikeError('ERR_TURNPIKE_TIMEOUT', text));
  };
  const silence = setInterval(checkSilence, silenceCheckMs);
  done.addEventListener('abort', () => clearInterval(silence));
  peer.on('message', (payload) => mode.receive(payload));
  peer.on('connected', attach);
  peer.on('reconnecting', (state) => void reconnecting(state));
  peer.on('unresponsive', () =>
    logger.debug({ event: 'unresponsive' }, 'the relay does not answer'),
  );
  peer.on('responsive', () => logger.debug({ event: 'responsive' }, 'the relay answers again'));
  if (peer.current !== undefined) attach(peer.current);
  return new Promise((_, reject) => {
    peer.on('close', (error) =>
      reject(error ?? new TurnpikeError('ERR_TURNPIKE_CLOSED', 'the connection is closed')),
    );
  });
}

function linkOf(peer: Peer): Link {
  const { connectionId, role, relay, peerRelay } = peer.grant;
  return {
    ...{ connectionId, role, relay, peerRelay },
    natAddress: peer.mappedAddress,
    peerNatAddress: peer.peerAddress ?? peerRelay,
    payloadBytesMax: peer.payloadBytesMax,
    send: (payload) => void peer.send(payload),
  };
}
