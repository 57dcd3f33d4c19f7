import { formatAddress, type TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import { type Timed, TimingWheel } from '../collections/timing-wheel.js';
import type { RandomBytes } from '../random.js';
import { RTO_MS } from '../stun/transmission-limits.js';
import type { BindAccepted, BindRefused } from '../trunk/bind-message.js';
import { transactionKey } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { RelayedTransportAddress } from './allocation.js';
import { type BindFailure, failureOf } from './bind-stats.js';
import type { Forwarding } from './forwarding.js';
import type { PeerTrunk, TurnLimits } from './turn-options.js';

/** Times and bounds of requests to bind a peer behind another relay. */
export const TRUNK_PEER_LIMITS = {
  /** Maximum transmissions of a request. */
  transmissionsMax: 4,
  /** Wait before the next request after one that failed; it doubles with each. */
  restMs: 1_000,
  /** Maximum of that wait. */
  restMsMax: 64_000,
  /** Minimum time before a binding is renewed, whatever lifetime the other relay gave. */
  renewalMsMin: 5_000,
  /** Maximum lifetime of a binding that is believed. */
  lifetimeSecondsMax: 600,
  /** Requests sent in one go, before other work has its turn. */
  askedAtOnce: 100,
} as const;

/** What TURN's part of the trunk is made of. */
export interface TrunkMeans {
  readonly trunk: PeerTrunk;
  readonly forwarding: Forwarding;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Returns the bounds as they are now. */
  readonly limits: () => TurnLimits;
}

/** A peer of an allocation, at a relayed transport address of another relay. */
export class TrunkPeer implements Timed {
  readonly kind = 'trunk-peer';
  readonly relayed: RelayedTransportAddress;
  readonly peer: TransportAddress;
  readonly remote: RemoteRelay;
  /** The other relay's, while it has bound the peer. */
  sessionIndex: number | undefined;
  /** The request under way. */
  transactionId: Uint8Array | undefined;
  /** The counter that `Trunk.send` returned for it; 0 before the first transmission. */
  counter = 0;
  transmissions = 0;
  /** Requests that failed since the last that succeeded. */
  failures = 0;
  /** Whether the binding is void. */
  isLost = false;
  isStored = false;
  wheelBucket?: number | undefined;

  constructor(relayed: RelayedTransportAddress, peer: TransportAddress, remote: RemoteRelay) {
    this.relayed = relayed;
    this.peer = peer;
    this.remote = remote;
  }

  get share(): string {
    return this.relayed.share;
  }
}

/**
 * The peers of allocations that are relayed transport addresses of other relays: asks those relays
 * to bind them to session indexes, and has the data plane send over the trunk while they are bound
 * (PROTOCOL.md section 3). Until then, and where that fails, data goes to them as bare UDP.
 */
export class TrunkPeers {
  readonly #means: TrunkMeans;
  readonly #byRelayed = new Map<RelayedTransportAddress, Map<string, TrunkPeer>>();
  readonly #byTransaction = new Map<string, TrunkPeer>();
  readonly #byIndex = new Map<RemoteRelay, Map<number, TrunkPeer>>();
  readonly #wheel: TimingWheel<TrunkPeer>;

  constructor(means: TrunkMeans) {
    this.#means = means;
    this.#wheel = new TimingWheel(100, means.clock.monotonic(), ({ share }) => share);
  }

  /**
   * Has a peer bound if it is at another relay; its IP address has a permission. A request that
   * failed is made again soon if something has changed.
   * @param isHeard - whether the other relay has just said that the peer is there
   */
  want(relayed: RelayedTransportAddress, peer: TransportAddress, isHeard = false): void {
    const { trunk, limits } = this.#means;
    const peers = this.#byRelayed.get(relayed) ?? new Map<string, TrunkPeer>();
    const known = peers.get(formatAddress(peer));
    const remote = trunk.relayAt(peer.address);
    if (known !== undefined) {
      // The address is another relay's now, or nobody's.
      if (known.remote !== remote) this.#schedule(known, 0);
      else if (isHeard) this.#hasten(known);
      return;
    }
    if (remote === undefined || peers.size >= limits().permissionsMax) return;
    const made = new TrunkPeer(relayed, peer, remote);
    peers.set(formatAddress(peer), made);
    this.#byRelayed.set(relayed, peers);
    this.#schedule(made, 0);
  }

  /** Forgets the peers of a relayed transport address that ends. */
  endRelayed(relayed: RelayedTransportAddress): void {
    for (const each of this.#byRelayed.get(relayed)?.values() ?? []) this.#drop(each);
  }

  /** Takes another relay's index for a peer. */
  accepted(remote: RemoteRelay, { transactionId, sessionIndex, ...given }: BindAccepted): void {
    const peer = this.#takeAsking(remote, transactionId);
    if (peer === undefined) return;
    const { lifetimeSecondsMax, renewalMsMin } = TRUNK_PEER_LIMITS;
    const lifetimeSeconds = Math.min(given.lifetimeSeconds, lifetimeSecondsMax);
    if (peer.isLost || peer.sessionIndex !== sessionIndex) this.#unbind(peer);
    const action = { relayIndex: remote.relayIndex, sessionIndex };
    const isPut =
      lifetimeSeconds > 0 &&
      this.#means.forwarding.putTrunkRoute(peer, action, lifetimeSeconds) === 'done';
    if (!isPut) return this.#failed(peer, 'not_stored');
    if (peer.sessionIndex === undefined) this.#bind(peer, sessionIndex);
    peer.failures = 0;
    this.#schedule(peer, Math.max(renewalMsMin, lifetimeSeconds * 500));
  }

  /** Takes another relay's refusal: data goes to the peer as bare UDP. */
  refused(remote: RemoteRelay, { transactionId, code }: BindRefused): void {
    const peer = this.#takeAsking(remote, transactionId);
    if (peer !== undefined) this.#failed(peer, failureOf(code));
  }

  /** Takes another relay's word that it has ended a binding. */
  closed(remote: RemoteRelay, sessionIndex: number): void {
    const peer = this.#byIndex.get(remote)?.get(sessionIndex);
    if (peer === undefined) return;
    this.#forgetTransaction(peer);
    this.#failed(peer, 'closed');
  }

  /**
   * Notes that all bindings at a relay are void: it has restarted, or is silent. Data goes to the
   * peers as bare UDP from the next turn on.
   */
  lost(remote: RemoteRelay): void {
    for (const peer of this.#byIndex.get(remote)?.values() ?? []) {
      peer.isLost = true;
      this.#schedule(peer, 0);
    }
  }

  /** Asks, renews and forgets, within bounds. @returns whether work is left */
  tick(): boolean {
    const now = this.#means.clock.monotonic();
    for (const peer of this.#wheel.turn(now, TRUNK_PEER_LIMITS.askedAtOnce)) this.#due(peer);
    return this.#wheel.ripe;
  }

  #due(peer: TrunkPeer): void {
    if (peer.isLost) this.#unbind(peer);
    const { relayed, remote } = peer;
    if (this.#means.trunk.relayAt(peer.peer.address) !== remote || !isPermitted(peer)) {
      this.#drop(peer);
      // The address may be another relay's now.
      if (isPermitted(peer)) this.want(relayed, peer.peer);
      return;
    }
    if (peer.transmissions >= TRUNK_PEER_LIMITS.transmissionsMax) {
      this.#forgetTransaction(peer);
      return this.#failed(peer, 'unanswered');
    }
    this.#ask(peer);
  }

  #ask(peer: TrunkPeer): void {
    const { trunk, random } = this.#means;
    if (peer.transactionId === undefined) {
      peer.transactionId = random(12);
      peer.counter = 0;
      this.#byTransaction.set(transactionKey(peer.transactionId), peer);
    }
    const { transactionId, relayed, remote } = peer;
    const request = {
      type: 'bind',
      transactionId,
      from: relayed.advertised,
      to: peer.peer,
    } as const;
    peer.counter = trunk.send(remote, request, peer.counter);
    this.#schedule(peer, RTO_MS * 2 ** peer.transmissions);
    peer.transmissions += 1;
  }

  /** Goes back to bare UDP, and asks again later. */
  #failed(peer: TrunkPeer, failure: BindFailure): void {
    this.#means.trunk.stats.failures[failure] += 1;
    this.#unbind(peer);
    const { restMs, restMsMax } = TRUNK_PEER_LIMITS;
    this.#schedule(peer, Math.min(restMs * 2 ** peer.failures, restMsMax));
    peer.failures += 1;
  }

  /** Asks again soon after a failure. */
  #hasten(peer: TrunkPeer): void {
    if (peer.transactionId !== undefined || peer.sessionIndex !== undefined) return;
    if (peer.failures > 0) this.#schedule(peer, 0);
  }

  #drop(peer: TrunkPeer): void {
    const peers = this.#byRelayed.get(peer.relayed);
    peers?.delete(formatAddress(peer.peer));
    if (peers?.size === 0) this.#byRelayed.delete(peer.relayed);
    this.#wheel.clear(peer);
    this.#forgetTransaction(peer);
    this.#unbind(peer);
  }

  #takeAsking(remote: RemoteRelay, transactionId: Uint8Array): TrunkPeer | undefined {
    const peer = this.#byTransaction.get(transactionKey(transactionId));
    if (peer?.remote !== remote) return undefined;
    this.#forgetTransaction(peer);
    return peer;
  }

  #forgetTransaction(peer: TrunkPeer): void {
    if (peer.transactionId) this.#byTransaction.delete(transactionKey(peer.transactionId));
    peer.transactionId = undefined;
    peer.transmissions = 0;
  }

  #bind(peer: TrunkPeer, sessionIndex: number): void {
    peer.sessionIndex = sessionIndex;
    const { remote } = peer;
    // It is probed as closely as with connections of the overlay, so that its silence is noticed.
    remote.connections += 1;
    const peers = this.#byIndex.get(remote);
    if (peers) peers.set(sessionIndex, peer);
    else this.#byIndex.set(remote, new Map([[sessionIndex, peer]]));
  }

  #unbind(peer: TrunkPeer): void {
    const { remote, sessionIndex } = peer;
    peer.isLost = false;
    this.#means.forwarding.removeTrunkRoute(peer);
    if (sessionIndex === undefined) return;
    peer.sessionIndex = undefined;
    remote.connections -= 1;
    const peers = this.#byIndex.get(remote);
    if (peers?.get(sessionIndex) === peer) peers.delete(sessionIndex);
    if (peers?.size === 0) this.#byIndex.delete(remote);
  }

  #schedule(peer: TrunkPeer, inMs: number): void {
    this.#wheel.set(peer, this.#means.clock.monotonic() + inMs);
  }
}

/** Returns whether the client may still exchange data with a peer. */
function isPermitted({ relayed: { allocation }, peer }: TrunkPeer): boolean {
  return (
    allocation.permissions.get(peer.address) !== undefined ||
    allocation.channelOf(peer)?.state === 'bound'
  );
}
