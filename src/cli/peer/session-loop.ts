import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { formatAddress } from '../../address.js';
import { isTurnpikeError, TurnpikeError } from '../../errors.js';
import { LIMITS } from '../../limits.js';
import type { Clock } from '../../units.js';
import { EXIT, exitCodeOf } from '../exit-codes.js';
import type { Link, OpenLink, PeerMode } from './link.js';

export interface SessionLoopOptions {
  readonly openLink: OpenLink;
  readonly mode: PeerMode;
  readonly logger: Logger;
  readonly clock: Clock;
  /** 0 to 1, to spread the attempts of many peers. */
  readonly random: () => number;
  /** Give up when a lost connection has not come back for so long; undefined: never. */
  readonly reconnectMs: number | undefined;
  readonly stop: AbortSignal;
  /** Told of each connection, and of its end. */
  readonly onLink: (link: Link | undefined) => void;
}

type SessionEnd =
  /** The mode is done, or a signal ended it. */
  | { readonly type: 'finished'; readonly exitCode: number }
  /** The mode cannot go on. */
  | { readonly type: 'failed'; readonly reason: Error }
  /** There was a connection, and it is gone. */
  | { readonly type: 'lost'; readonly reason: Error }
  /** No connection could be made. */
  | { readonly type: 'unopened'; readonly reason: Error };

/**
 * Keeps a mode connected: opens a connection, and another one whenever it ends before the mode has
 * finished. An error before the first connection is final, because then a mistake is likelier than
 * a fault; later ones are tried again, at growing intervals.
 * @returns the exit code
 * @throws what the mode fails with, and what makes a connection impossible
 */
export async function runSessions(options: SessionLoopOptions): Promise<number> {
  const { logger, clock, stop, reconnectMs } = options;
  let lostAtMs: number | undefined;
  let attempt = 0;
  for (;;) {
    const never = Number.POSITIVE_INFINITY;
    const giveUpMs = (lostAtMs ?? never) + (reconnectMs ?? never);
    const end = await runSession(options, giveUpMs);
    if (end.type === 'finished') return end.exitCode;
    const { type, reason } = end;
    if (type === 'failed') throw reason;
    if (type === 'unopened' && (lostAtMs === undefined || isFinal(reason))) throw reason;
    const nowMs = clock.monotonic();
    if (type === 'lost') [lostAtMs, attempt] = [nowMs, 0];
    if (reconnectMs !== undefined && nowMs - (lostAtMs ?? nowMs) >= reconnectMs) {
      throw new TurnpikeError(
        'ERR_TURNPIKE_TIMEOUT',
        `the connection was lost and did not come back in ${reconnectMs / 1_000} s`,
        { cause: reason },
      );
    }
    const waitMs = backoffMs(attempt++, options.random());
    logger.warn(
      { event: 'reconnecting', reason: reason.message, waitMs },
      `${reason.message}: connecting again`,
    );
    await sleep(waitMs, undefined, { signal: stop }).catch(() => {});
  }
}

/** Half to the whole of an interval that doubles with each attempt. */
function backoffMs(attempt: number, random: number): number {
  const longest = Math.min(LIMITS.peerBackoffMsMin * 2 ** attempt, LIMITS.peerBackoffMsMax);
  return Math.round((longest / 2) * (1 + random));
}

/** What another attempt would only meet again. */
function isFinal(error: unknown): boolean {
  const code = exitCodeOf(error);
  return code === EXIT.usage || code === EXIT.refused || !isTurnpikeError(error);
}

/**
 * One connection from its opening to its end.
 * @param giveUpMs - monotonic ms until which it may take to open
 */
async function runSession(options: SessionLoopOptions, giveUpMs: number): Promise<SessionEnd> {
  const { openLink, mode, logger, clock, stop, onLink } = options;
  const done = new AbortController();
  let onClosed: (reason: Error) => void = () => {};
  const closed = new Promise<SessionEnd>((resolve) => {
    onClosed = (reason) => resolve({ type: 'lost', reason });
  });
  const ends = [stopped(mode, stop, done.signal), finished(mode)];
  const onPayload = (payload: Uint8Array) => mode.receive(payload);
  const opening = openLink({ onPayload, onClosed }, AbortSignal.any([stop, done.signal])).then(
    (link) => ({ type: 'opened', link }) as const,
    (reason: Error) => ({ type: 'unopened', reason }) as const,
  );
  try {
    const first = await Promise.race([...ends, opening, late(clock, giveUpMs, done.signal)]);
    if (first.type !== 'opened') return first;
    logPath(logger, first.link);
    mode.attach(first.link);
    onLink(first.link);
    const end = await Promise.race([...ends, closed, silence(mode, clock, done.signal)]);
    mode.detach();
    // The end of the connection may be all that the mode was waiting for.
    await nextTurn();
    return await Promise.race([...ends, end]);
  } finally {
    done.abort();
    mode.detach();
    onLink(undefined);
    const last = await opening;
    if (last.type === 'opened') await last.link.close();
  }
}

function finished(mode: PeerMode): Promise<SessionEnd> {
  return mode.finished.then(
    (exitCode) => ({ type: 'finished', exitCode }),
    (reason: Error) => ({ type: 'failed', reason }),
  );
}

/** Resolves when a signal has come and the mode has told the other side. */
function stopped(mode: PeerMode, stop: AbortSignal, done: AbortSignal): Promise<SessionEnd> {
  return new Promise((resolve) => {
    const onStop = () => {
      resolve({ type: 'finished', exitCode: mode.interrupt(String(stop.reason)) });
    };
    if (stop.aborted) onStop();
    stop.addEventListener('abort', onStop, { signal: done });
  });
}

/** Resolves when opening has taken too long, as when the other side never comes back. */
async function late(clock: Clock, giveUpMs: number, done: AbortSignal): Promise<SessionEnd> {
  while (Number.isFinite(giveUpMs) && !done.aborted && clock.monotonic() < giveUpMs) {
    const waitMs = Math.max(1, giveUpMs - clock.monotonic());
    await sleep(waitMs, undefined, { signal: done }).catch(() => {});
  }
  if (!Number.isFinite(giveUpMs) || done.aborted) return new Promise(() => {});
  const reason = new TurnpikeError('ERR_TURNPIKE_TIMEOUT', 'the other side did not come back');
  return { type: 'unopened', reason };
}

/** Resolves when nothing was heard over the path for too long; never after `done`. */
async function silence(mode: PeerMode, clock: Clock, done: AbortSignal): Promise<SessionEnd> {
  const attachedMs = clock.monotonic();
  for (;;) {
    await sleep(LIMITS.peerPingMs, undefined, { signal: done }).catch(() => {});
    if (done.aborted) return new Promise(() => {});
    const quietMs = clock.monotonic() - Math.max(attachedMs, mode.lastHeardMs);
    if (quietMs < LIMITS.peerSilenceMs) continue;
    const reason = new TurnpikeError(
      'ERR_TURNPIKE_TIMEOUT',
      `nothing heard from the other side for ${LIMITS.peerSilenceMs / 1_000} s`,
    );
    return { type: 'lost', reason };
  }
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
