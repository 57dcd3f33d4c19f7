import type { AddressFamily } from '../address.js';
import { DirectoryClient, type PeerHints, type RelaySummary } from './directory-client.js';
import type { DirectoryAccess } from './directory-problem.js';
import { dependsOnRelays, servicesAnywhere, usableFamilies } from './usable-families.js';

/** Maximum wait of a joining peer for the list of relays. */
export const RELAY_LIST_MS = 2_000;

/**
 * The hints that a peer sends when it joins: those of the application, relays to avoid, and the
 * address families in which its host has a route to relays. The latter two are omitted once the
 * directory has refused a join with them.
 */
export class JoinHints {
  readonly #access: DirectoryAccess;
  readonly #given: PeerHints;
  #measured: readonly AddressFamily[] = [];
  /** Whether the directory has refused `families` and `avoid`, as version 0.1.0 does. */
  #isPlain = false;
  #joined: { readonly avoid: string; readonly isPlain: boolean; readonly isSaying: boolean } = {
    avoid: '',
    isPlain: true,
    isSaying: false,
  };

  constructor(access: DirectoryAccess, given: PeerHints) {
    this.#access = access;
    this.#given = given;
  }

  /**
   * Determines the usable address families, unless the application gave them: by the routes to the
   * listed relays, or to the internet if the list does not arrive in time. Never throws.
   * @param until - aborts the wait for the list
   */
  async measure(until: AbortSignal): Promise<void> {
    const { family, families } = this.#given;
    if (family !== undefined || families !== undefined) return;
    const anywhere = await servicesAnywhere();
    const relays = dependsOnRelays(anywhere) ? await this.#relays(until) : [];
    const addresses = relays.flatMap((relay) => relay.addresses);
    this.#measured = await usableFamilies(addresses, anywhere);
  }

  /**
   * Lists the relays. Requested only if the result depends on it, to reduce the directory's load.
   */
  #relays(until: AbortSignal): Promise<readonly RelaySummary[]> {
    const { directoryUrl, apiKey, ca } = this.#access;
    const signal = AbortSignal.any([until, AbortSignal.timeout(RELAY_LIST_MS)]);
    return new DirectoryClient({ directoryUrl, apiKey, ca }).listRelays({ signal }).catch(() => []);
  }

  /**
   * Returns the hints of a join that is sent now; undefined if there are none.
   * @param avoid - ids of relays to avoid
   */
  joining(avoid: readonly string[]): PeerHints | undefined {
    const { families = this.#measured, avoid: _, ...plain } = this.#given;
    const isSaying = families.length > 0 || avoid.length > 0;
    this.#joined = { avoid: avoid.join(), isPlain: this.#isPlain, isSaying };
    const peer: PeerHints = this.#isPlain
      ? plain
      : {
          ...plain,
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
    if (this.#measured.length === 0 || this.#isPlain) return false;
    this.#measured = [];
    return true;
  }
}
