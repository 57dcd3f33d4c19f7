import { addressBytes, addressFromBytes, familyOf, type TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import { MEASUREMENT_LIMITS } from '../registry/measurement-limits.js';
import type { LegMeasurement } from '../registry/types.js';
import type { LegQuality } from '../stun/leg-quality.js';
import { type Origin, tupleKey } from './origin.js';

/** Networks of clients with samples that are not reported yet; the oldest are given up. */
export const ACCESS_NETWORKS_MAX = 4_096;
/** Challenges whose answer is awaited; the oldest are given up. */
export const ACCESS_CHALLENGES_MAX = 16_384;
/** Clients (IPv4 addresses, IPv6 /64) with a measured round trip; the oldest are forgotten. */
export const ACCESS_CLIENTS_MAX = 16_384;
/** Samples that count of one client, measured or told, in ACCESS_CLIENT_MS. */
export const ACCESS_CLIENT_SAMPLES_MAX = 8;
/** Time in which a client's samples are bounded, and for which its shortest round trip counts. */
export const ACCESS_CLIENT_MS = 60_000;
/** Periods of ACCESS_CLIENT_MS after which a client's shortest round trip is measured anew. */
const FLOOR_PERIODS = 60;

/** A challenge whose answer is awaited. Times are monotonic ms. */
interface Challenged {
  readonly nonce: string;
  readonly at: number;
  /** Whether it was sent more than once, so that its answer does not tell to which. */
  ambiguous: boolean;
}

/** What is known of a client. */
interface Client {
  /** Shortest round trip that this server has measured, ms, and when it began to. */
  floorMs: number;
  floorSince: number;
  /** Samples counted in the present period, and when that began. */
  samples: number;
  since: number;
  /** Transaction of its newest report, which it may transmit again. */
  reported: string;
}

/** Sums over the samples of a network, each weighed by its count. */
class Sums {
  count = 0;
  rttMs = 0;
  squares = 0;
  told = 0;
  jitterMs = 0;
  loss = 0;

  take(rttMs: number, count: number): void {
    this.count += count;
    this.rttMs += rttMs * count;
    this.squares += rttMs * rttMs * count;
  }

  add(other: Sums): void {
    this.count += other.count;
    this.rttMs += other.rttMs;
    this.squares += other.squares;
    this.told += other.told;
    this.jitterMs += other.jitterMs;
    this.loss += other.loss;
  }
}

/** A network's samples since the last report, and those of reports that may not have arrived. */
interface Network {
  fresh: Sums;
  told: Sums;
}

/**
 * How far clients are, by network (IPv4 /24, IPv6 /48): from the time between a challenge and its
 * answer, and from what peers tell of their legs (LEG-QUALITY, PROTOCOL.md section 2). What a peer
 * tells counts only beside such a time of its own, and never as less than that: nobody can answer a
 * challenge before it has arrived. It is reported to the directory (docs/registration.md).
 */
export class AccessNetworks {
  readonly #clock: Clock;
  readonly #challenges = new Map<string, Challenged>();
  readonly #clients = new Map<string, Client>();
  /** Those with samples to report, the least recently reported first. */
  readonly #networks = new Map<string, Network>();

  /** @param clock - only its monotonic time is read */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Number of networks with samples to report. */
  get size(): number {
    return this.#networks.size;
  }

  /** Notes a challenge with a nonce. */
  challenged({ tuple }: Origin, nonce: string): void {
    const key = tupleKey(tuple);
    const before = this.#challenges.get(key);
    const at = this.#clock.monotonic();
    if (before?.nonce === nonce && at - before.at < MEASUREMENT_LIMITS.roundTripMsMax) {
      before.ambiguous = true;
      return;
    }
    putLast(this.#challenges, key, { nonce, at, ambiguous: false }, ACCESS_CHALLENGES_MAX);
  }

  /** Takes a request that proves a credential, with its nonce. The first answers a challenge. */
  answered({ tuple }: Origin, nonce: string | undefined): void {
    const key = tupleKey(tuple);
    const challenge = this.#challenges.get(key);
    if (challenge === undefined || challenge.nonce !== nonce) return;
    this.#challenges.delete(key);
    const now = this.#clock.monotonic();
    const rttMs = now - challenge.at;
    if (challenge.ambiguous || rttMs > MEASUREMENT_LIMITS.roundTripMsMax) return;
    const client = this.#clientAt(tuple.remote, now, rttMs);
    if (now - client.floorSince >= FLOOR_PERIODS * ACCESS_CLIENT_MS) {
      client.floorMs = rttMs;
      client.floorSince = now;
    }
    client.floorMs = Math.min(client.floorMs, rttMs);
    const count = allowed(client, 1, now);
    if (count > 0) this.#sumsOf(tuple.remote).take(rttMs, count);
  }

  /**
   * Takes what a peer tells of its leg.
   * @param report - identifies the report: its repetition does not count
   */
  told(
    remote: TransportAddress,
    { rttMs, jitterMs, loss, count }: LegQuality,
    report: string,
  ): void {
    const client = this.#clients.get(clientKey(remote));
    if (client === undefined || client.reported === report) return;
    client.reported = report;
    const weight = allowed(client, count, this.#clock.monotonic());
    if (weight === 0) return;
    const sums = this.#sumsOf(remote);
    sums.take(Math.max(rttMs, client.floorMs), weight);
    sums.told += weight;
    sums.jitterMs += jitterMs * weight;
    sums.loss += loss * weight;
  }

  /** Returns what is known of a client; at first its measured round trip. */
  #clientAt(remote: TransportAddress, now: number, rttMs: number): Client {
    const key = clientKey(remote);
    const client = this.#clients.get(key) ?? {
      floorMs: rttMs,
      floorSince: now,
      samples: 0,
      since: now,
      reported: '',
    };
    putLast(this.#clients, key, client, ACCESS_CLIENTS_MAX);
    return client;
  }

  #sumsOf(remote: TransportAddress): Sums {
    const name = networkOf(remote);
    const known = this.#networks.get(name);
    if (known !== undefined) return known.fresh;
    const network = { fresh: new Sums(), told: new Sums() };
    putLast(this.#networks, name, network, ACCESS_NETWORKS_MAX);
    return network.fresh;
  }

  /**
   * Returns the samples since the last report that `delivered` has confirmed: of at most
   * `MEASUREMENT_LIMITS.entriesMax` networks, the least recently reported ones.
   */
  report(): LegMeasurement[] {
    const legs: LegMeasurement[] = [];
    for (const [name, network] of this.#networks) {
      if (legs.length >= MEASUREMENT_LIMITS.entriesMax) break;
      network.told.add(network.fresh);
      network.fresh = new Sums();
      legs.push(measurementOf(name, network.told));
    }
    return legs;
  }

  /** Confirms that the last report has reached the directory. */
  delivered(): void {
    for (const [name, network] of [...this.#networks]) {
      if (network.told.count === 0) continue;
      this.#networks.delete(name);
      network.told = new Sums();
      if (network.fresh.count > 0) this.#networks.set(name, network);
    }
  }
}

/** Puts an entry at the end of a map, and removes the first one if there are more than `most`. */
function putLast<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  for (const first of map.keys()) {
    map.delete(first);
    return;
  }
}

/** Returns how many of a client's samples count, and counts them. */
function allowed(client: Client, count: number, now: number): number {
  if (now - client.since >= ACCESS_CLIENT_MS) {
    client.since = now;
    client.samples = 0;
  }
  const taken = Math.min(count, ACCESS_CLIENT_SAMPLES_MAX - client.samples);
  client.samples += taken;
  return taken;
}

function measurementOf(network: string, sums: Sums): LegMeasurement {
  const { count, rttMs, squares, told, jitterMs, loss } = sums;
  const rtt = rttMs / count;
  const ms = (value: number) =>
    Math.min(Math.round(value * 1e3) / 1e3, MEASUREMENT_LIMITS.roundTripMsMax);
  return {
    network,
    rtt: ms(rtt),
    sd: ms(Math.sqrt(Math.max(squares / count - rtt * rtt, 0))),
    ...(told > 0 && { jitter: ms(jitterMs / told), loss: Math.round((loss / told) * 1e5) / 1e5 }),
    count: Math.min(count, MEASUREMENT_LIMITS.countMax),
  };
}

/** Returns the first bits of an address as an address. */
function prefixOf(remote: TransportAddress, bytes: number): string {
  const prefix = Uint8Array.from(addressBytes(remote));
  prefix.fill(0, bytes);
  return addressFromBytes(prefix, 0).address;
}

/** Returns the network of an address: IPv4 prefix of 24 bits, IPv6 prefix of 48. */
function networkOf(remote: TransportAddress): string {
  return familyOf(remote) === 4 ? `${prefixOf(remote, 3)}/24` : `${prefixOf(remote, 6)}/48`;
}

/** Returns what names a client: its IPv4 address or the /64 of its IPv6 address. */
function clientKey(remote: TransportAddress): string {
  return familyOf(remote) === 4 ? remote.address : prefixOf(remote, 8);
}
