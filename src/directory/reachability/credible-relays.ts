import { textHash } from '../../collections/hash.js';
import { isWatched, WATCH_ALL } from '../../registry/watched-relays.js';
import type { LiveRelay } from '../snapshot.js';
import { familiesOf, TrunkFamilyCounts } from './trunk-family-counts.js';

/** A relay that watches some of the others only. */
interface Watcher {
  readonly hash: number;
  readonly share: number;
  readonly families: number;
}

/** The relays whose reports count: those that report and are not cut off. */
export class CredibleRelays {
  readonly #shares = new Map<string, number>();
  /** Those that watch all others. */
  readonly #all: TrunkFamilyCounts;
  readonly #watchers: Watcher[] = [];

  /** @param shareOf - returns the share of others that a relay watches, as `watchShareOf` */
  constructor(relays: Iterable<LiveRelay>, shareOf: (id: string) => number) {
    const all: LiveRelay[] = [];
    for (const relay of relays) {
      const { id } = relay.record;
      const share = shareOf(id);
      this.#shares.set(id, share);
      if (share >= WATCH_ALL) all.push(relay);
      else this.#watchers.push({ hash: textHash(id), share, families: familiesOf(relay) });
    }
    this.#all = new TrunkFamilyCounts(all);
  }

  get size(): number {
    return this.#shares.size;
  }

  /** Returns whether a relay's report about another one counts. */
  has(id: string, about: string): boolean {
    const share = this.#shares.get(id);
    return share !== undefined && isWatched(textHash(id), textHash(about), share);
  }

  /** Returns the number of them that can tell whether a relay's trunk answers. */
  ableToTell(relay: LiveRelay): number {
    const { id } = relay.record;
    const own = this.#shares.get(id);
    let able = this.#all.inCommonWith(relay) - (own !== undefined && own >= WATCH_ALL ? 1 : 0);
    const of = textHash(id);
    const mask = familiesOf(relay);
    for (const { hash, share, families } of this.#watchers) {
      if ((families & mask) !== 0 && hash !== of && isWatched(hash, of, share)) able += 1;
    }
    return able;
  }
}
