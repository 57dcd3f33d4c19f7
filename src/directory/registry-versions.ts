import { createHash } from 'node:crypto';
import type { Registry, RelayRecord } from '../registry/types.js';

/** Versions that a confirming beat may name; an older one confirms nothing. */
const VERSIONS_MAX = 64;

/**
 * The registry's contents and the order of its versions. A version is a digest of the records, so
 * a restarted directory with the same relays has the same version; a sequence number orders the
 * versions of this process, which is what confirmation needs. Versions are made when asked for, so
 * a burst of registrations costs one.
 */
export class RegistryVersions {
  readonly #records = new Map<string, RelayRecord>();
  /** The first sequence that holds the present record of an id. */
  readonly #firsts = new Map<string, number>();
  readonly #sequences = new Map<string, number>();
  #sequence = 0;
  #current: Registry | undefined;

  put(record: RelayRecord): void {
    this.#records.set(record.id, record);
    this.#firsts.delete(record.id);
    this.#current = undefined;
  }

  delete(id: string): void {
    this.#records.delete(id);
    this.#firsts.delete(id);
    this.#current = undefined;
  }

  /** The registry now, records by id. */
  current(): Registry {
    if (this.#current !== undefined) return this.#current;
    const relays = [...this.#records.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const digest = createHash('sha256').update(JSON.stringify(relays)).digest('hex');
    this.#current = { version: digest.slice(0, 32), relays };
    this.#number(this.#current.version);
    return this.#current;
  }

  /** The sequence number of a version that a relay names; 0 for none or a forgotten one. */
  sequenceOf(version: string | null): number {
    return version === null ? 0 : (this.#sequences.get(version) ?? 0);
  }

  /** The sequence number from which on versions hold the present record of `id`. */
  firstSequenceOf(id: string): number {
    return this.#firsts.get(id) ?? Number.POSITIVE_INFINITY;
  }

  #number(version: string): void {
    this.#sequence += 1;
    // A version that comes back is the newest again: whoever names it holds the same records.
    this.#sequences.delete(version);
    this.#sequences.set(version, this.#sequence);
    for (const id of this.#records.keys()) {
      if (!this.#firsts.has(id)) this.#firsts.set(id, this.#sequence);
    }
    for (const oldest of this.#sequences.keys()) {
      if (this.#sequences.size <= VERSIONS_MAX) break;
      this.#sequences.delete(oldest);
    }
  }
}
