import { partOf, partsOf, registryText } from '../registry/parts.js';
import type { RelayRecord } from '../registry/types.js';
import { PublishedRegistry } from './published-registry.js';

/** Records by id, and the ids of the proved ones. */
export interface PartContents {
  readonly records: ReadonlyMap<string, RelayRecord>;
  readonly proved: ReadonlySet<string>;
}

interface Part {
  readonly records: Map<string, RelayRecord>;
  published: PublishedRegistry | undefined;
}

/**
 * The registry's records in parts, each serialized and hashed again only after one of its records
 * has changed. With 10,000 relays a change costs 1/64 of the registry.
 */
export class RegistryParts {
  #parts: Part[] = [emptyPart()];
  readonly #records = new Map<string, RelayRecord>();
  readonly #proved = new Set<string>();
  /** JSON by record. */
  readonly #texts = new WeakMap<RelayRecord, string>();

  get size(): number {
    return this.#records.size;
  }

  /** Returns a relay's record. */
  get(id: string): RelayRecord | undefined {
    return this.#records.get(id);
  }

  /** Returns whether a relay has proved to be at its contested addresses. */
  isProved(id: string): boolean {
    return this.#proved.has(id);
  }

  /** Adds or replaces a record. */
  put(record: RelayRecord, proved: boolean): void {
    this.#records.set(record.id, record);
    if (proved) this.#proved.add(record.id);
    else this.#proved.delete(record.id);
    this.#touched(record.id).records.set(record.id, record);
  }

  /** Removes a relay's record. */
  delete(id: string): void {
    this.#records.delete(id);
    this.#proved.delete(id);
    this.#touched(id).records.delete(id);
  }

  #touched(id: string): Part {
    const part = this.#parts[partOf(id, this.#parts.length)] as Part;
    part.published = undefined;
    return part;
  }

  /** Returns a copy of the present contents. */
  contents(): PartContents {
    return { records: new Map(this.#records), proved: new Set(this.#proved) };
  }

  /** Returns the text of contents, as `registryText`. */
  textOf({ records, proved }: PartContents): string {
    const ids = [...records.keys()].sort();
    const texts = ids.map((id) => this.#recordText(records.get(id) as RelayRecord));
    return registryText(
      texts,
      ids.filter((id) => proved.has(id)),
    );
  }

  #recordText(record: RelayRecord): string {
    const known = this.#texts.get(record);
    if (known !== undefined) return known;
    const text = JSON.stringify(record);
    this.#texts.set(record, text);
    return text;
  }

  /** Returns all parts, as many as `partsOf`. */
  published(): PublishedRegistry[] {
    const count = partsOf(this.#records.size);
    if (count !== this.#parts.length) this.#divide(count);
    return this.#parts.map((part) => {
      part.published ??= new PublishedRegistry(
        this.textOf({ records: part.records, proved: this.#proved }),
      );
      return part.published;
    });
  }

  #divide(count: number): void {
    this.#parts = Array.from({ length: count }, emptyPart);
    for (const record of this.#records.values()) {
      this.#parts[partOf(record.id, count)]?.records.set(record.id, record);
    }
  }
}

function emptyPart(): Part {
  return { records: new Map(), published: undefined };
}
