import { type AddressFamily, familyOf, type TransportAddress } from '../address.js';
import type { LiveRelay } from './relay-table.js';

/** What a peer told of itself; every member is optional (PROTOCOL.md section 5). */
export interface PeerHints {
  /** Its public IP address, canonical. */
  readonly address?: string;
  /** The address family it must be served with. */
  readonly family?: AddressFamily;
  /** The region it must be served from while a relay there can. */
  readonly region?: string;
  /** Relay or region id to milliseconds, as the peer measured. */
  readonly latencies?: ReadonlyMap<string, number>;
}

/**
 * The score is in milliseconds, lower is better. Latency is what a user notices, so the other
 * terms say how much latency they are worth.
 */
export const SCORE = {
  /** A fully loaded relay is as bad as this much latency; load counts squared, little at first. */
  loadMs: 100,
  /** A relay that a peer did not measure, over the worst that it did. */
  unmeasuredMs: 50,
  /** A millisecond between relays counts for this much: their networks are steadier than peers'. */
  trunkWeight: 0.9,
  /** Between regions whose distance no peer's latencies tell. */
  regionsApartMs: 20,
  /** Two relays are the product; both peers on one relay must save more than this. */
  sharedMs: 10,
  /** The same where the peers' latencies do not tell that sharing is good. */
  sharedUnmeasuredMs: 1_000,
  /** A relay without an address of the family that the peer was seen with. */
  otherFamilyMs: 5_000,
  /** Pairs this close to the best are as good; the choice among them spreads load. */
  toleranceMs: 5,
} as const;

/** The terms of one pair's score, in milliseconds. */
export interface PairScore {
  readonly relays: readonly [string, string];
  /** Peer to its relay, each. */
  readonly legMs: readonly [number, number];
  /** Between the relays. */
  readonly trunkMs: number;
  readonly loadMs: readonly [number, number];
  readonly sharedMs: number;
  readonly totalMs: number;
}

/**
 * The service address that a peer is given: of its family when asked, else of its address's
 * family, else IPv4 first.
 * @returns undefined when the relay has none of the family asked for
 */
export function servedAddress(relay: LiveRelay, peer: PeerHints): TransportAddress | undefined {
  if (peer.family !== undefined) return addressOf(relay, peer.family);
  const sixFirst = seenFamily(peer) === 6;
  return addressOf(relay, sixFirst ? 6 : 4) ?? addressOf(relay, sixFirst ? 4 : 6);
}

function addressOf(relay: LiveRelay, family: AddressFamily): TransportAddress | undefined {
  return relay.record.serviceAddresses.find((address) => familyOf(address) === family);
}

/** The latency that a peer measured to a relay, or to the relay's region. */
export function measuredMs(relay: LiveRelay, peer: PeerHints): number | undefined {
  return peer.latencies?.get(relay.record.id) ?? peer.latencies?.get(relay.record.region);
}

/**
 * What a leg between a peer and each of some relays costs.
 * @param relays - the peer's candidates
 * @returns milliseconds by relay
 */
export function legCosts(relays: readonly LiveRelay[], peer: PeerHints): Map<LiveRelay, number> {
  const measured = relays.map((relay) => measuredMs(relay, peer));
  const known = measured.filter((ms) => ms !== undefined);
  const unmeasured = known.length === 0 ? 0 : Math.max(...known) + SCORE.unmeasuredMs;
  const family = seenFamily(peer);
  const costs = new Map<LiveRelay, number>();
  for (const [index, relay] of relays.entries()) {
    const other = family !== undefined && addressOf(relay, family) === undefined;
    costs.set(relay, (measured[index] ?? unmeasured) + (other ? SCORE.otherFamilyMs : 0));
  }
  return costs;
}

/**
 * What the way between two relays costs. A peer that measured both gives a lower bound: by the
 * triangle inequality they are at least as far apart as its two latencies differ.
 */
export function trunkMs(a: LiveRelay, b: LiveRelay, peers: readonly PeerHints[]): number {
  if (a === b) return 0;
  let bound: number | undefined;
  for (const peer of peers) {
    const [toA, toB] = [measuredMs(a, peer), measuredMs(b, peer)];
    if (toA !== undefined && toB !== undefined) bound = Math.max(bound ?? 0, Math.abs(toA - toB));
  }
  const apart = a.record.region === b.record.region ? 0 : SCORE.regionsApartMs;
  return SCORE.trunkWeight * (bound ?? apart);
}

/** What a relay's load costs, from 0 to `SCORE.loadMs`. */
export function loadMs(relay: LiveRelay): number {
  const { legs, legsMax, cpu } = relay.load;
  const share = Math.max((legs + relay.legsAssigned) / Math.max(legsMax, 1), cpu);
  return SCORE.loadMs * Math.min(share, 1) ** 2;
}

/** What it costs that both peers use one relay: little where both measured it. */
export function sharedMs(relay: LiveRelay, peers: readonly PeerHints[]): number {
  return peers.every((peer) => measuredMs(relay, peer) !== undefined)
    ? SCORE.sharedMs
    : SCORE.sharedUnmeasuredMs;
}

/** Whether a relay has room for so many more legs. */
export function hasRoom(relay: LiveRelay, legs: number): boolean {
  return relay.load.legs + relay.legsAssigned + legs <= relay.load.legsMax;
}

/** Whether two relays have trunk addresses of one family (else 440, PROTOCOL.md section 2). */
export function trunkFamilyInCommon(a: LiveRelay, b: LiveRelay): boolean {
  return a.record.trunkAddresses.some((own) =>
    b.record.trunkAddresses.some((other) => familyOf(own) === familyOf(other)),
  );
}

function seenFamily(peer: PeerHints): AddressFamily | undefined {
  if (peer.family !== undefined) return peer.family;
  if (peer.address === undefined) return undefined;
  return peer.address.includes(':') ? 6 : 4;
}
