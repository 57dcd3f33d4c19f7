import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Clock } from '../clock.js';
import type { RelayRecord } from '../registry/types.js';
import type { RegistryContents } from './snapshot.js';

/** Time for each relay to fetch a version of the registry before the next one is made. */
export const REGISTRY_SPREAD_MS_PER_RELAY = 1.5;

/** Versions that a confirming beat may name; an older one confirms nothing. */
const VERSIONS_MAX = 64;
/** Versions that are still handed out: a relay asks for the one that it was just told of. */
const PUBLISHED_MAX = 16;

const compressed = promisify(gzip);

/** A version of the registry as it is handed out: made once, whoever asks for it. */
export class PublishedRegistry {
  /** The SHA-256 of `body`, in hex. */
  readonly version: string;
  /** `{"relays":[<record>, …]}`, records by id, and `"proved":[<id>, …]` where there are such. */
  readonly body: Buffer;
  #gzipped: Promise<Buffer> | undefined;

  constructor(relays: readonly RelayRecord[], proved: readonly string[]) {
    const members = proved.length === 0 ? { relays } : { relays, proved };
    this.body = Buffer.from(JSON.stringify(members));
    this.version = createHash('sha256').update(this.body).digest('hex');
  }

  /** `body` compressed (RFC 1952). */
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
  /** Orders the versions of this process; from 1. */
  readonly sequence: number;
  readonly contents: RegistryContents;
}

/** The set is made for the first question: many versions are never asked about. */
class Contents implements RegistryContents {
  readonly #relays: readonly RelayRecord[];
  #records: ReadonlySet<RelayRecord> | undefined;

  constructor(relays: readonly RelayRecord[]) {
    this.#relays = relays;
  }

  holds(record: RelayRecord): boolean {
    this.#records ??= new Set(this.#relays);
    return this.#records.has(record);
  }
}

/**
 * The registry's contents and the order of its versions. A version is a digest of the records, so
 * a restarted directory with the same relays has the same version; a sequence number orders the
 * versions of this process, which is what confirmation needs.
 *
 * Every relay fetches every version, so changes are collected: the next version is made when it is
 * asked for, but no sooner after the last than what its spreading takes.
 */
export class RegistryVersions {
  readonly #clock: Clock;
  readonly #records = new Map<string, RelayRecord>();
  readonly #proved = new Set<string>();
  /** The first sequence that holds the present record of an id. */
  readonly #firsts = new Map<string, number>();
  readonly #known = new Map<string, KnownVersion>();
  readonly #published = new Map<string, PublishedRegistry>();
  #sequence = 0;
  #current: PublishedRegistry | undefined;
  #changed = true;
  #madeAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Versions so far. */
  get made(): number {
    return this.#sequence;
  }

  /** @param proved - whether its relay has proved to be at addresses that others claim */
  put(record: RelayRecord, proved = false): void {
    this.#records.set(record.id, record);
    if (proved) this.#proved.add(record.id);
    else this.#proved.delete(record.id);
    this.#firsts.delete(record.id);
    this.#changed = true;
  }

  delete(id: string): void {
    this.#records.delete(id);
    this.#proved.delete(id);
    this.#firsts.delete(id);
    this.#changed = true;
  }

  /** The newest version; it holds all records but those of the last moments. */
  current(): PublishedRegistry {
    if (this.#current !== undefined && !(this.#changed && this.#isDue())) return this.#current;
    const relays = [...this.#records.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#current = new PublishedRegistry(relays, [...this.#proved].sort());
    this.#changed = false;
    this.#madeAtMs = this.#clock.monotonic();
    this.#publish(this.#current, relays);
    return this.#current;
  }

  /** A version that was current a short while ago, or is. */
  published(version: string): PublishedRegistry | undefined {
    return this.#published.get(version);
  }

  /** A version that a relay names; undefined for none or a forgotten one. */
  known(version: string | null): KnownVersion | undefined {
    return version === null ? undefined : this.#known.get(version);
  }

  /** The sequence number from which on versions hold the present record of `id`. */
  firstSequenceOf(id: string): number {
    return this.#firsts.get(id) ?? Number.POSITIVE_INFINITY;
  }

  #isDue(): boolean {
    const spreadMs = this.#records.size * REGISTRY_SPREAD_MS_PER_RELAY;
    return this.#clock.monotonic() - this.#madeAtMs >= spreadMs;
  }

  #publish(registry: PublishedRegistry, relays: readonly RelayRecord[]): void {
    const { version } = registry;
    this.#sequence += 1;
    // A version that comes back is the newest again: whoever names it holds the same records.
    const known = { sequence: this.#sequence, contents: new Contents(relays) };
    replace(this.#known, version, known, VERSIONS_MAX);
    replace(this.#published, version, registry, PUBLISHED_MAX);
    for (const id of this.#records.keys()) {
      if (!this.#firsts.has(id)) this.#firsts.set(id, this.#sequence);
    }
  }
}

/** Makes an entry the newest of a map, and forgets the oldest beyond `most`. */
function replace<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
