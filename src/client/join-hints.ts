import type { AddressFamily } from '../address.js';
import { DirectoryClient, type PeerHints, type RelaySummary } from './directory-client.js';
import type { DirectoryAccess } from './directory-problem.js';
import { dependsOnRelays, servicesAnywhere, usableFamilies } from './usable-families.js';

/** A peer that joins a room waits this long to learn where the relays are. */
export const RELAY_LIST_MS = 2_000;

/**
 * What a peer tells the directory about itself when it joins: the hints that it was given, the
 * relays to avoid, and the address families that its host has a route to relays in. Each is left
 * out once the directory has refused the peer for it.
 */
export class JoinHints {
  readonly #access: DirectoryAccess;
  readonly #given: PeerHints;
  #measured: readonly AddressFamily[] = [];
  /** Whether the directory has refused a join for `families` and `avoid`, as version 0.1.0 does. */
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
   * Looks at which families the host can use, unless it was told: toward the relays that the
   * directory lists, or toward the internet where it does not list them in time. Never throws.
   * @param until - ends the wait for that list
   */
  async measure(until: AbortSignal): Promise<void> {
    const { family, families } = this.#given;
    if (family !== undefined || families !== undefined) return;
    const anywhere = await servicesAnywhere();
    const relays = dependsOnRelays(anywhere) ? await this.#relays(until) : [];
    const addresses = relays.flatMap((relay) => relay.addresses);
    this.#measured = await usableFamilies(addresses, anywhere);
  }

  /** Asked for only where the answer depends on it, to spare the directory a crowd's requests. */
  #relays(until: AbortSignal): Promise<readonly RelaySummary[]> {
    const { directoryUrl, apiKey, ca } = this.#access;
    const signal = AbortSignal.any([until, AbortSignal.timeout(RELAY_LIST_MS)]);
    return new DirectoryClient({ directoryUrl, apiKey, ca }).listRelays({ signal }).catch(() => []);
  }

  /** The hints of a join that is sent now; undefined where there is nothing to say. */
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

  /** Whether the newest join named the same relays to avoid. */
  hasSaid(avoid: readonly string[]): boolean {
    return this.#joined.avoid === avoid.join();
  }

  /**
   * The directory refused the newest join as malformed.
   * @returns whether another one, without what only newer directories know, may do
   */
  refused(): boolean {
    const { isPlain, isSaying } = this.#joined;
    if (isPlain || !isSaying) return false;
    this.#isPlain = true;
    return true;
  }

  /**
   * No relay has an address of the families that were named.
   * @returns whether they were a measurement, which may be wrong, and are not named any more
   */
  unserved(): boolean {
    if (this.#measured.length === 0 || this.#isPlain) return false;
    this.#measured = [];
    return true;
  }
}
