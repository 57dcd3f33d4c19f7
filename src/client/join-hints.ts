import type { AddressFamily } from '../address.js';
import type { RandomBytes } from '../random.js';
import { DirectoryClient, type PeerHints, type RelaySummary } from './directory-client.js';
import type { DirectoryAccess } from './directory-problem.js';
import { joinLatencies, type Latencies } from './join-measurement.js';
import { pause, type Scheduler } from './scheduler.js';
import { dependsOnRelays, servicesAnywhere, usableFamilies } from './usable-families.js';

/** Maximum wait of a joining peer for the list of relays. */
export const RELAY_LIST_MS = 2_000;

/** Maximum wait of a joining peer for its measurement of relays, once the directory is there. */
export const JOIN_MEASURE_MS = 300;

export interface JoinHintsOptions {
  readonly access: DirectoryAccess;
  /** Those of the application. */
  readonly given: PeerHints;
  /** Whether to measure relays, unless the application gave `latencies` or a region. */
  readonly isMeasuring: boolean;
  /** Local IP address to measure from; undefined for any. */
  readonly from: string | undefined;
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
}

/**
 * The hints that a peer sends when it joins: those of the application, relays to avoid, the address
 * families in which its host has a route to relays, and the latencies that it measured. Families
 * and relays to avoid are omitted once the directory has refused a join with them.
 */
export class JoinHints {
  readonly #options: JoinHintsOptions;
  readonly #given: PeerHints;
  #routed: readonly AddressFamily[] = [];
  #latencies: Latencies = {};
  #measuring: Promise<Latencies> | undefined;
  /** Whether the directory has refused `families` and `avoid`, as version 0.1.0 does. */
  #isPlain = false;
  #joined: { readonly avoid: string; readonly isPlain: boolean; readonly isSaying: boolean } = {
    avoid: '',
    isPlain: true,
    isSaying: false,
  };

  constructor(options: JoinHintsOptions) {
    this.#options = options;
    this.#given = options.given;
  }

  /**
   * Determines the usable address families, unless the application gave them: by the routes to the
   * listed relays, or to the internet if the list does not arrive in time. Never throws.
   * @param until - aborts the wait for the list
   */
  async lookUpFamilies(until: AbortSignal): Promise<void> {
    const { family, families } = this.#given;
    if (family !== undefined || families !== undefined) return;
    const anywhere = await servicesAnywhere();
    const relays = dependsOnRelays(anywhere) ? await this.#relays(until) : [];
    const addresses = relays.flatMap((relay) => relay.addresses);
    this.#routed = await usableFamilies(addresses, anywhere);
  }

  /**
   * Lists the relays. Requested only if the result depends on it, to reduce the directory's load.
   */
  #relays(until: AbortSignal): Promise<readonly RelaySummary[]> {
    const { directoryUrl, apiKey, ca } = this.#options.access;
    const signal = AbortSignal.any([until, AbortSignal.timeout(RELAY_LIST_MS)]);
    return new DirectoryClient({ directoryUrl, apiKey, ca }).listRelays({ signal }).catch(() => []);
  }

  /**
   * Begins to measure relays, if the application did not, and what is known is of another network
   * or old.
   * @returns whether there is something to wait for: `measured`
   */
  beginMeasuring(): boolean {
    const { isMeasuring, access, from, scheduler, random } = this.#options;
    const { latencies, region, family, families } = this.#given;
    if (!isMeasuring || latencies !== undefined || region !== undefined) return false;
    const bound = family === undefined ? families : [family];
    const measuring = joinLatencies({ access, families: bound, from, scheduler, random });
    if (measuring === this.#measuring) return false;
    this.#measuring = measuring;
    return true;
  }

  /**
   * Waits for the measurement, at most JOIN_MEASURE_MS. What comes later is for the next join.
   * @param until - ends the wait
   */
  async measured(until: AbortSignal | undefined): Promise<void> {
    const measuring = this.#measuring;
    if (measuring === undefined) return;
    const over = new AbortController();
    const late = pause(this.#options.scheduler, JOIN_MEASURE_MS, either(until, over.signal));
    const taken = measuring.then((latencies) => {
      if (measuring === this.#measuring) this.#latencies = latencies;
    });
    await Promise.race([taken, late]);
    over.abort();
  }

  /**
   * Returns the hints of a join that is sent now; undefined if there are none.
   * @param avoid - ids of relays to avoid
   */
  joining(avoid: readonly string[]): PeerHints | undefined {
    const { families = this.#routed, avoid: _, ...plain } = this.#given;
    const isSaying = families.length > 0 || avoid.length > 0;
    this.#joined = { avoid: avoid.join(), isPlain: this.#isPlain, isSaying };
    const latencies = plain.latencies ?? this.#latencies;
    const known = { ...plain, ...(Object.keys(latencies).length > 0 && { latencies }) };
    const peer: PeerHints = this.#isPlain
      ? known
      : {
          ...known,
          families: families.length > 0 ? families : undefined,
          avoid: avoid.length > 0 ? avoid : undefined,
        };
    return Object.values(peer).some((value) => value !== undefined) ? peer : undefined;
  }

  /** Returns whether the newest join had the same relays to avoid. */
  hasSaid(avoid: readonly string[]): boolean {
    return this.#joined.avoid === avoid.join();
  }

  /**
   * Handles a join that the directory refused as malformed.
   * @returns whether to retry without the members that version 0.1.0 does not know
   */
  refused(): boolean {
    const { isPlain, isSaying } = this.#joined;
    if (isPlain || !isSaying) return false;
    this.#isPlain = true;
    return true;
  }

  /**
   * Handles that no relay has an address of the given families.
   * @returns whether they were measured, so that a retry without them may succeed
   */
  unserved(): boolean {
    if (this.#routed.length === 0 || this.#isPlain) return false;
    this.#routed = [];
    return true;
  }
}

function either(first: AbortSignal | undefined, second: AbortSignal): AbortSignal {
  return first === undefined ? second : AbortSignal.any([first, second]);
}
