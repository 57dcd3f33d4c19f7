import { setTimeout as sleep } from 'node:timers/promises';
import { formatAddress } from '../../address.js';
import { type JoinProgress, Peer } from '../../client/index.js';
import { systemClock } from '../../clock.js';
import { isTurnpikeError } from '../../errors.js';
import { aborted } from '../signals.js';
import { type DemoPeerSettings, type PeerRun, RELAYS_BY_SIDE } from './environment.js';
import type { PeerStep } from './events.js';
import { DEMO_TRAFFIC, TICK_MS, Traffic } from './traffic.js';

/** Time for packets in flight to arrive after the stop. */
const DRAIN_MS = 250;

/**
 * Runs one of the demo's peers: meets the other one, then sends and counts until it is stopped.
 * @param settings - where the peer connects
 * @param run - where the steps and counts are reported, and what ends it
 * @throws TurnpikeError as `Peer.join`, or the reason for which the connection ended
 */
export async function runDemoPeer(settings: DemoPeerSettings, run: PeerRun): Promise<void> {
  const { directoryUrl, apiKey, side } = settings;
  let answeredMs = systemClock.monotonic();
  const onProgress = (progress: JoinProgress) => {
    if (progress.step === 'directory-answer') answeredMs = systemClock.monotonic();
    const step = stepOf(progress);
    if (step !== undefined) run.report(step);
  };
  const hints = { region: RELAYS_BY_SIDE[side].region };
  const options = { directoryUrl, apiKey, room: 'demo', hints, signal: run.stop, onProgress };
  const peer = await Peer.join(options).catch((error: unknown) => {
    if (isTurnpikeError(error, 'ERR_TURNPIKE_ABORTED')) return undefined;
    throw error;
  });
  if (peer === undefined) return;
  const local = peer.localAddress === undefined ? '' : formatAddress(peer.localAddress);
  run.report({ event: 'established', local, elapsedMs: systemClock.monotonic() - answeredMs });
  await exchange(peer, run);
}

/** Sends and counts until stopped, and closes the peer. */
async function exchange(peer: Peer, { report, stop }: PeerRun): Promise<void> {
  const send = (message: Uint8Array) => peer.send(message);
  const traffic = new Traffic({ ...DEMO_TRAFFIC, clock: systemClock, send });
  peer.on('message', (message) => traffic.receive(message));
  const closed = new Promise((_, reject) => {
    peer.once('close', reject);
  });
  const ticking = setInterval(() => traffic.tick(), TICK_MS);
  const counting = setInterval(() => report({ event: 'counts', counts: traffic.counts() }), 1_000);
  try {
    await Promise.race([aborted(stop), closed]);
    clearInterval(ticking);
    await sleep(DRAIN_MS);
    report({ event: 'finished', counts: traffic.counts() });
  } finally {
    clearInterval(ticking);
    clearInterval(counting);
    await peer.close();
  }
}

/** Retries are not reported, and `established` is reported with more facts elsewhere. */
function stepOf(progress: JoinProgress): PeerStep | undefined {
  switch (progress.step) {
    case 'waiting':
      return { event: 'waiting' };
    case 'directory-answer': {
      const { connectionId, relay } = progress.grant;
      return { event: 'answer', connectionId, relayId: relay.id, relay: formatAddress(relay) };
    }
    case 'allocated':
      return { event: 'nat-address', address: formatAddress(progress.mappedAddress) };
    case 'peer-address':
      return { event: 'connect', peerAddress: formatAddress(progress.peerAddress) };
    default:
      return undefined;
  }
}
