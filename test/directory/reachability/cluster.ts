import { formatAddress } from '../../../src/address.js';
import { Reachability } from '../../../src/directory/reachability/reachability.js';
import type { LiveRelay } from '../../../src/directory/snapshot.js';
import { hasTrunk } from '../../../src/registry/record.js';
import type { ReachabilityReport } from '../../../src/registry/types.js';
import { seededRandom } from '../../setup/seeded-random.js';
import { FakeClock, liveRelay } from '../fixtures.js';

const BEAT_MS = 1_500;
const SWEEP_MS = 250;

/** The faults of a cluster, from which each relay's report follows. */
export interface Faults {
  /** Service addresses that do not answer, as `IP:PORT`. */
  readonly services?: readonly string[];
  /** Relays whose trunk port neither answers nor gets answers. */
  readonly trunks?: readonly string[];
  /** Relays that report every other relay and every address that they check. */
  readonly liars?: readonly string[];
  /** Relays that reach one another and no other relay. */
  readonly split?: ReadonlySet<string>;
}

/** Relays that send beats with reports according to `faults`, and the directory's view of them. */
export class Cluster {
  readonly clock = new FakeClock();
  readonly relays: LiveRelay[];
  readonly view: Reachability;
  /** The changes that sweeps returned, as text. */
  readonly log: string[] = [];
  faults: Faults = {};
  /** Relays without reports. */
  silent: readonly string[] = [];
  /** Relays that have not confirmed the current records of the others. */
  unaware: readonly string[] = [];
  #sinceBeatMs = 0;

  /**
   * @param ids - each named `region-number`
   * @param six - ids of the relays whose trunk has only IPv6
   */
  constructor(ids: readonly string[], { seed = 1, six = [] as readonly string[] } = {}) {
    this.relays = ids.map((id, index) => {
      const address = `2001:db8::${index + 1}`;
      const record = six.includes(id) ? { trunkAddresses: [{ address, port: 3480 }] } : {};
      return liveRelay(id, index + 1, { record });
    });
    this.view = new Reachability({
      clock: this.clock,
      random: seededRandom(seed),
      knows: (id, other) => !this.unaware.includes(id) && ids.includes(other),
    });
    this.pass(2 * BEAT_MS);
  }

  /** Lets time pass, with beats and sweeps. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += SWEEP_MS) {
      this.clock.advance(SWEEP_MS);
      this.#sinceBeatMs += SWEEP_MS;
      if (this.#sinceBeatMs >= BEAT_MS) {
        this.#sinceBeatMs = 0;
        for (const { record } of this.relays)
          this.view.report(record.id, this.#reportOf(record.id));
      }
      this.#note();
    }
  }

  /** Returns whether neither of two relays reports that it does not reach the other. */
  reach(a: string, b: string): boolean {
    const unreached = (id: string) => this.view.doubtsOf(this.#relay(id).record).unreached;
    return !unreached(a).has(b) && !unreached(b).has(a);
  }

  /** Returns the doubt about a relay's only service address. */
  serviceDoubt(id: string) {
    const address = this.#relay(id).record.serviceAddresses[0];
    if (address === undefined) throw new Error(`${id} has no address`);
    return this.view.addressDoubt(id, address);
  }

  /** Returns a relay's only service address as text. */
  serviceOf(id: string): string {
    return this.#relay(id).record.serviceAddresses.map(formatAddress).join();
  }

  #relay(id: string): LiveRelay {
    const relay = this.relays.find(({ record }) => record.id === id);
    if (relay === undefined) throw new Error(`no relay ${id}`);
    return relay;
  }

  #reportOf(id: string): ReachabilityReport | undefined {
    if (this.silent.includes(id)) return undefined;
    const { services = [], trunks = [], liars = [], split = new Set() } = this.faults;
    const lies = liars.includes(id);
    const across = (other: string) => split.has(id) !== split.has(other);
    const apart = (other: string) =>
      lies || trunks.includes(id) || trunks.includes(other) || across(other);
    const own = this.#relay(id);
    const inCommon = (other: LiveRelay) =>
      ([4, 6] as const).some((family) => hasTrunk(own, family) && hasTrunk(other, family));
    const others = this.relays
      .filter((other) => other !== own && inCommon(other))
      .map(({ record }) => record.id);
    const reason = 'no-answer';
    return {
      trunk: others.filter(apart).map((other) => ({ id: other, reason })),
      service: this.view
        .checksOf(id)
        .filter(({ address }) => lies || trunks.includes(id) || services.includes(address))
        .map((check) => ({ ...check, reason })),
    };
  }

  #note(): void {
    const { doubts, cutOff, allCondemned } = this.view.sweep(this.relays);
    for (const { kind, doubt, evidence } of doubts) {
      this.log.push(`${doubt} ${kind}: ${evidence.id} ${evidence.address ?? 'trunk'}`);
    }
    for (const { kind, id } of cutOff) this.log.push(`cut off ${kind}: ${id}`);
    if (allCondemned !== undefined) this.log.push(`all condemned: ${allCondemned}`);
  }
}
