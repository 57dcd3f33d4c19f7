import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { type TransportAddress, transportAddress } from '../../../src/address.js';
import { Peer, type PeerOptions } from '../../../src/client/index.js';
import type { RandomBytes } from '../../../src/random.js';
import { encodeChannelData } from '../../../src/stun/channel-data.js';
import { FakeRelay } from './fake-relay.js';
import { FakeScheduler } from './fake-scheduler.js';
import { delivered, until } from './until.js';

/** The other peer's mapped address in these tests. Nothing is sent there. */
export const OTHER: TransportAddress = transportAddress('198.51.100.9', 51_820);

/** Returns randomness whose single bytes, which are jitter, are all this one. */
export function jittered(byte: number): RandomBytes {
  return (bytes) => (bytes === 1 ? Buffer.of(byte) : randomBytes(bytes));
}

/**
 * Randomness whose jitter is the longest: a Refresh is due at the end of its range, so that no time
 * passes after it in which its response is overdue.
 */
export const latestRefresh = jittered(0xff);

export interface Scene {
  readonly relay: FakeRelay;
  readonly scheduler: FakeScheduler;
  /** Calls `Peer.open` with the relay's grant and the fake scheduler. */
  readonly open: (options?: Partial<PeerOptions>) => Promise<Peer>;
  /** Opens and connects a peer. */
  readonly establish: (options?: Partial<PeerOptions>) => Promise<Peer>;
}

/** Makes a fake relay and a fake scheduler; the end of the test closes the relay and all peers. */
export async function scene(t: Test, relayAddress?: string): Promise<Scene> {
  const relay = await FakeRelay.open(relayAddress);
  const scheduler = new FakeScheduler();
  const peers: Peer[] = [];
  t.teardown(async () => {
    relay.handler = () => false;
    relay.drop = 0;
    await Promise.all(peers.map((peer) => peer.close()));
    await relay.close();
  });
  const open = async (options: Partial<PeerOptions> = {}) => {
    const peer = await Peer.open({ grant: relay.grant, scheduler, ...options });
    peers.push(peer);
    return peer;
  };
  const establish = async (options: Partial<PeerOptions> = {}) => {
    const peer = await open(options);
    await peer.connect(OTHER);
    return peer;
  };
  return { relay, scheduler, open, establish };
}

/** Lets time pass in steps; datagrams arrive and are answered between them. */
export async function pass(scheduler: FakeScheduler, ms: number, stepMs = 250): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    scheduler.advance(Math.min(stepMs, left));
    await delivered();
  }
}

/** Waits until the peer has received all that the relay has sent so far. */
export async function caughtUp(relay: FakeRelay, peer: Peer): Promise<void> {
  const astray = () => peer.stats().ignored['unknown-channel'] ?? 0;
  const before = astray();
  relay.send(encodeChannelData(0x4fff, Buffer.from('last')));
  await until('the peer caught up', () => astray() > before);
}
