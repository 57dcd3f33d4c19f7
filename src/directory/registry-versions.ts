import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Clock } from '../clock.js';
import type { RelayRecord } from '../registry/types.js';
import type { RegistryContents } from './snapshot.js';

/** Time per relay to fetch a registry version before the next one is made. */
export const REGISTRY_SPREAD_MS_PER_RELAY = 1.5;

/** Number of versions that a beat can confirm; an older one confirms nothing. */
const VERSIONS_MAX = 64;
/** Number of versions that can be fetched: a relay fetches the one that it was just told. */
const PUBLISHED_MAX = 16;

const compressed = promisify(gzip);

/** A version of the registry, serialized and compressed once for all relays. */
export class PublishedRegistry {
  /** The SHA-256 of `body`, hex. */
  readonly version: string;
  /** `{"relays":[<record>, …]}`, sorted by id, and `"proved":[<id>, …]` if any are proved. */
  readonly body: Buffer;
  #gzipped: Promise<Buffer> | undefined;

  constructor(relays: readonly RelayRecord[], proved: readonly string[]) {
    const members = proved.length === 0 ? { relays } : { relays, proved };
    this.body = Buffer.from(JSON.stringify(members));
    this.version = createHash('sha256').update(this.body).digest('hex');
  }

  /** Returns `body` as gzip (RFC 1952). A failure is not cached. */
  gzipped(): Promise<Buffer> {
    if (this.#gzipped === undefined) {
      this.#gzipped = compressed(this.body);
      this.#gzipped.catch(() => {
        this.#gzipped = undefined;
      });
    }
    return this.#gzipped;
  }
}

/** A version that a relay may have put to use. */
export interface KnownVersion {
  /** Order of the version in this process, from 1. */
  readonly sequence: number;
  readonly contents: RegistryContents;
}

/**
 * The registry's records and the order of its versions. A version is the digest of the records and
 * the proved ids, so a restarted directory with the same relays has the same version. Sequence
 * numbers order the versions of this process, for confirmation.
 *
 * Every relay fetches every version, so changes are collected: the next version is made when it is
 * asked for, but not before the relays had time to fetch the last (`REGISTRY_SPREAD_MS_PER_RELAY`).
 */
export class RegistryVersions {
  readonly #clock: Clock;
  readonly #records = new Map<string, RelayRecord>();
  readonly #proved = new Set<string>();
  /** The first sequence number whose version holds a record. */
  readonly #firsts = new WeakMap<RelayRecord, number>();
  /** Records that no version holds yet, by id. */
  readonly #unpublished = new Map<string, RelayRecord>();
  readonly #known = new Map<string, KnownVersion>();
  readonly #published = new Map<string, PublishedRegistry>();
  #sequence = 0;
  #current: PublishedRegistry | undefined;
  #changed = true;
  #madeAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Number of versions made. */
  get made(): number {
    return this.#sequence;
  }

  /**
   * Adds or replaces a record.
   * @param proved - whether the relay has proved to be at its contested addresses
   */
  put(record: RelayRecord, proved = false): void {
    this.#records.set(record.id, record);
    if (proved) this.#proved.add(record.id);
    else this.#proved.delete(record.id);
    this.#unpublished.set(record.id, record);
    this.#changed = true;
  }

  /** Removes a relay's record. */
  delete(id: string): void {
    this.#records.delete(id);
    this.#proved.delete(id);
    this.#unpublished.delete(id);
    this.#changed = true;
  }

  /** Returns the newest version. It may lack changes of the current interval. */
  current(): PublishedRegistry {
    if (this.#current !== undefined && !(this.#changed && this.#isDue())) return this.#current;
    const relays = [...this.#records.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#current = new PublishedRegistry(relays, [...this.#proved].sort());
    this.#changed = false;
    this.#madeAtMs = this.#clock.monotonic();
    this.#publish(this.#current);
    return this.#current;
  }

  /** Returns a version of the last `PUBLISHED_MAX`, by digest. */
  published(version: string): PublishedRegistry | undefined {
    return this.#published.get(version);
  }

  /**
   * Returns a version of the last `VERSIONS_MAX` that a relay names; undefined for none or another.
   */
  known(version: string | null): KnownVersion | undefined {
    return version === null ? undefined : this.#known.get(version);
  }

  /**
   * Returns the sequence number from which on versions hold the present record of `id`; infinity if
   * none does.
   */
  firstSequenceOf(id: string): number {
    return this.#firstOf(this.#records.get(id));
  }

  #firstOf(record: RelayRecord | undefined): number {
    const first = record === undefined ? undefined : this.#firsts.get(record);
    return first ?? Number.POSITIVE_INFINITY;
  }

  #isDue(): boolean {
    const spreadMs = this.#records.size * REGISTRY_SPREAD_MS_PER_RELAY;
    return this.#clock.monotonic() - this.#madeAtMs >= spreadMs;
  }

  #publish(registry: PublishedRegistry): void {
    const { version } = registry;
    this.#sequence += 1;
    // A version that recurs becomes the newest again: it holds the same records.
    const sequence = this.#sequence;
    const contents = { holds: (record: RelayRecord) => this.#firstOf(record) <= sequence };
    const known = { sequence, contents };
    replace(this.#known, version, known, VERSIONS_MAX);
    replace(this.#published, version, registry, PUBLISHED_MAX);
    for (const record of this.#unpublished.values()) this.#firsts.set(record, sequence);
    this.#unpublished.clear();
  }
}

/** Makes an entry the newest of a map, and deletes the oldest beyond `most`. */
function replace<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
