import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Peer, Reconnecting } from '../../client/index.js';
import type { Clock } from '../../clock.js';
import { TurnpikeError } from '../../errors.js';
import { PING_MS } from '../../stream/path.js';
import { aborted } from '../signals.js';
import { logConnected, logReconnecting } from './peer-log.js';
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
    return await Promise.race([ends, serve(options, first, ends)]);
  } finally {
    done.abort();
    mode.detach();
    onLink(undefined);
    const peer = await joining.catch(() => undefined);
    await peer?.close();
  }
}

/**
 * Hands connections and payloads to the mode until it ends.
 * @param ends - settles at the end of the mode
 * @returns never; rejects when the peer gave up
 */
function serve(
  { mode, logger, clock, silenceCheckMs = PING_MS, onLink }: RunModeOptions,
  peer: LastingPeer,
  ends: Promise<unknown>,
): Promise<never> {
  let attachedAtMs = 0;
  let isOver = false;
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
    // The end of the connection may be all that the mode was waiting for.
    await nextTurn();
    if (!isOver) logReconnecting(logger, state);
  };
  // A path on which nothing is heard for too long is given up, whatever its relays say.
  const checkSilence = () => {
    const quietMs = clock.monotonic() - Math.max(attachedAtMs, mode.lastHeardMs);
    if (peer.current === undefined || quietMs < PATH_SILENCE_MS) return;
    const text = `nothing heard from the other side for ${PATH_SILENCE_MS / 1_000} s`;
    void peer.reconnect(new TurnpikeError('ERR_TURNPIKE_TIMEOUT', text));
  };
  const silence = setInterval(checkSilence, silenceCheckMs);
  const over = () => {
    isOver = true;
    clearInterval(silence);
  };
  ends.then(over, over);
  peer.on('message', (payload) => mode.receive(payload));
  peer.on('connected', attach);
  peer.on('reconnecting', (state) => void reconnecting(state));
  peer.on('unresponsive', () =>
    logger.debug({ event: 'unresponsive' }, 'the relay does not answer'),
  );
  peer.on('responsive', () => logger.debug({ event: 'responsive' }, 'the relay answers again'));
  const gaveUp = new Promise<never>((_, reject) => {
    peer.on('close', (error) => {
      clearInterval(silence);
      reject(error ?? new TurnpikeError('ERR_TURNPIKE_CLOSED', 'the connection is closed'));
    });
  });
  gaveUp.catch(() => {});
  if (peer.current !== undefined) attach(peer.current);
  return gaveUp;
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
