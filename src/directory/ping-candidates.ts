import { createHash } from 'node:crypto';
import { type AddressFamily, familyOf, type TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import { pingRegions } from '../selection/ping-regions.js';
import type { PeerHints } from '../selection/request.js';
import type { LiveSelection } from './live-selection.js';
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
  readonly live: LiveSelection;
  readonly snapshots: Snapshots;
  readonly relays: RelayTable;
  readonly clock: Clock;
  /** For peers whose address is unknown. */
  readonly random: RandomBytes;
}

/**
 * Chooses which relays a peer measures before it asks for a connection: one of each of some
 * regions. Each peer address has its own spread of unknown regions and of relays, so that the peers
 * of a network measure different ones. The cost of a choice does not grow with the number of
 * relays.
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
   * Returns relays to measure, none of which drains, is unconfirmed or is in doubt now: those of
   * the regions that are best for the peer's network as far as is known, and others far around
   * (`pingRegions`).
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
    const draw = seed.readUInt32BE(4);
    const own = peer.region === undefined ? undefined : this.#byName.get(peer.region);
    if (own !== undefined) {
      const each = inTurn(own, seed.readUInt32BE(0), count * LOOKS_A_RELAY);
      return each.flatMap((relay) => this.#candidate(relay, peer) ?? []).slice(0, count);
    }
    const chosen = this.#chosenRegions(address, count, draw);
    const others = inTurn(this.#regions, seed.readUInt32BE(0), count * LOOKS_A_RELAY);
    const regions = new Set([...chosen, ...others]);
    const taken: PingCandidate[] = [];
    for (const region of regions) {
      if (taken.length === count) break;
      const found = this.#oneOf(region, draw, peer);
      if (found !== undefined) taken.push(found);
    }
    return taken;
  }

  /** Returns the regions to measure for a network. */
  #chosenRegions(
    address: string | undefined,
    count: number,
    draw: number,
  ): (readonly LiveRelay[])[] {
    const { live } = this.#options;
    const request = live.requestOf(address === undefined ? {} : { address });
    const snapshot = live.snapshotFor([request]);
    return pingRegions(snapshot, request.cluster, count, draw).flatMap((number) => {
      const members = this.#byName.get(snapshot.regions[number]?.name ?? '');
      return members === undefined ? [] : [members];
    });
  }

  /** Returns one of a region's relays; undefined if the first ones that are drawn cannot serve. */
  #oneOf(region: readonly LiveRelay[], draw: number, peer: PeerHints): PingCandidate | undefined {
    for (let look = 0; look < Math.min(LOOKS_A_RELAY, region.length); look += 1) {
      const relay = region[(draw + look) % region.length] as LiveRelay;
      const found = this.#candidate(relay, peer);
      if (found !== undefined) return found;
    }
    return undefined;
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
 * Returns some entries of a list, each once, in an order that spreads over it: by steps near the
 * golden section of its length and without a common divisor with it.
 * @param start - any number, which decides the first entry
 * @param count - number of entries at most
 */
function inTurn<Entry>(list: readonly Entry[], start: number, count: number): Entry[] {
  const { length } = list;
  let step = Math.max(1, Math.round(length * 0.618));
  while (divisor(step, length) !== 1 && step > 1) step -= 1;
  return Array.from(
    { length: Math.min(length, count) },
    (_, turn) => list[(start + turn * step) % length] as Entry,
  );
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
