import { createHash } from 'node:crypto';
import { type AddressFamily, familyOf, type TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import type { PeerHints } from '../selection/request.js';
import type { RelayTable } from './relay-table.js';
import type { LiveRelay, Snapshots } from './snapshot.js';

/** Default number of relays that a peer is asked to measure. */
export const PING_CANDIDATES_DEFAULT = 10;

/** Time for which a peer may keep them, s. */
export const PING_CANDIDATES_VALID_SECONDS = 60;

/** Age at which the list of regions is made again. */
const REGIONS_MS = 1_000;

/** Looked at for each relay that is asked for: a region may have none that can serve. */
const LOOKS_A_RELAY = 4;

/** A relay to measure, and its address of each family that the peer can use. */
export interface PingCandidate {
  readonly id: string;
  readonly region: string;
  readonly addresses: readonly TransportAddress[];
}

export interface PingCandidatesOptions {
  readonly snapshots: Snapshots;
  readonly relays: RelayTable;
  readonly clock: Clock;
  /** For peers whose address is unknown. */
  readonly random: RandomBytes;
}

/**
 * Chooses which relays a peer measures before it asks for a connection: one of each of some
 * regions. Each peer address has its own spread of regions and relays, so that the peers of a
 * network measure different ones. The cost of a choice does not grow with the number of relays.
 */
export class PingCandidates {
  readonly #options: PingCandidatesOptions;
  /** Relays that may be chosen, by region; at most REGIONS_MS old. */
  #regions: (readonly LiveRelay[])[] = [];
  #byName = new Map<string, readonly LiveRelay[]>();
  #snapshot = -1;
  #madeAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: PingCandidatesOptions) {
    this.#options = options;
  }

  /**
   * Returns relays to measure, none of which drains, is unconfirmed or is in doubt now.
   * @param peer - the peer's hints; its `region`, if it has relays, is the only one
   * @param source - the address that the request came from, if it is the peer's
   * @param count - number of relays at most
   */
  list(peer: PeerHints, source: string | undefined, count: number): PingCandidate[] {
    this.#update();
    const address = peer.address ?? source;
    const seed =
      address === undefined
        ? Buffer.from(this.#options.random(8))
        : createHash('sha256').update(address).digest();
    const own = peer.region === undefined ? undefined : this.#byName.get(peer.region);
    if (own !== undefined) return this.#take(own, own.length, seed, count, peer, (each) => [each]);
    return this.#take(this.#regions, this.#regions.length, seed, count, peer, (region, at) => {
      const first = (seed.readUInt32BE(4) + at) % region.length;
      return [...region.slice(first, first + LOOKS_A_RELAY), ...region.slice(0, LOOKS_A_RELAY)];
    });
  }

  /** Takes from a list in an order of the seed, in which each entry comes once. */
  #take<Entry>(
    entries: readonly Entry[],
    length: number,
    seed: Buffer,
    count: number,
    peer: PeerHints,
    relaysOf: (entry: Entry, at: number) => readonly LiveRelay[],
  ): PingCandidate[] {
    const taken: PingCandidate[] = [];
    const step = strideOf(length);
    let at = length === 0 ? 0 : seed.readUInt32BE(0) % length;
    for (let looks = Math.min(length, count * LOOKS_A_RELAY); looks > 0; looks -= 1) {
      if (taken.length === count) break;
      for (const relay of relaysOf(entries[at] as Entry, at)) {
        const candidate = this.#candidate(relay, peer);
        if (candidate === undefined) continue;
        taken.push(candidate);
        break;
      }
      at = (at + step) % length;
    }
    return taken;
  }

  /** Returns a relay as it is now; undefined if the peer should not measure it. */
  #candidate({ record, doubts }: LiveRelay, peer: PeerHints): PingCandidate | undefined {
    const { id, region } = record;
    const state = this.#options.relays.stateOf(id);
    if (state === undefined || state.draining || !state.confirmed) return undefined;
    if (state.load.legs >= state.load.legsMax || peer.avoid?.has(id) === true) return undefined;
    const isSound = (index: number) => (doubts.addresses[index] ?? 'none') === 'none';
    const sound = state.record.serviceAddresses.filter((_, index) => isSound(index));
    const addresses = wishedFamilies(peer).flatMap(
      (family) => sound.find((address) => familyOf(address) === family) ?? [],
    );
    return addresses.length === 0 ? undefined : { id, region, addresses };
  }

  #update(): void {
    const { snapshots, clock } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs - this.#madeAtMs < REGIONS_MS && this.#regions.length > 0) return;
    const { number, relays } = snapshots.current();
    if (number === this.#snapshot) return;
    this.#madeAtMs = nowMs;
    this.#snapshot = number;
    const byName = new Map<string, LiveRelay[]>();
    for (const relay of relays) {
      if (relay.draining || !relay.confirmed || relay.doubts.trunk !== 'none') continue;
      const { region } = relay.record;
      const members = byName.get(region);
      if (members === undefined) byName.set(region, [relay]);
      else members.push(relay);
    }
    this.#byName = byName;
    this.#regions = [...byName.values()];
  }
}

/** Returns the families that a peer can use, the preferred one first (PROTOCOL.md section 5). */
function wishedFamilies({ address, family, families }: PeerHints): readonly AddressFamily[] {
  if (family !== undefined) return [family];
  const preferred = address?.includes(':') ? 6 : 4;
  const both = [preferred, preferred === 4 ? 6 : 4] as const;
  return families === undefined ? both : both.filter((each) => families.includes(each));
}

/**
 * Returns a step that visits all entries of a ring, far apart: near the golden section of its
 * length and without a common divisor with it.
 */
function strideOf(length: number): number {
  let step = Math.max(1, Math.round(length * 0.618));
  while (divisor(step, length) !== 1 && step > 1) step -= 1;
  return step;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
