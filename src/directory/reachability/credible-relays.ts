import type { LiveRelay } from '../snapshot.js';
import { TrunkFamilyCounts } from './trunk-family-counts.js';

/** The relays whose reports count: those that report and are not cut off. */
export class CredibleRelays {
  readonly #ids: ReadonlySet<string>;
  readonly #counts: TrunkFamilyCounts;

  constructor(relays: readonly LiveRelay[]) {
    this.#ids = new Set(relays.map(({ record }) => record.id));
    this.#counts = new TrunkFamilyCounts(relays);
  }

  get size(): number {
    return this.#ids.size;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Returns the number of them that can tell whether a relay's trunk answers. */
  ableToTell(relay: LiveRelay): number {
    return this.#counts.inCommonWith(relay) - (this.has(relay.record.id) ? 1 : 0);
  }
}
