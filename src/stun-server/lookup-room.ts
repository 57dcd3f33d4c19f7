import type { TransportAddress } from '../address.js';
import { KeyCounter } from '../collections/key-counter.js';
import { ClientSources } from '../http/client-sources.js';

/** Maximum look-ups that have no result, those given up less than a minute ago included. */
export const LOOKUPS_MAX = 1_024;

/**
 * Maximum of these for sources from which no credential was proved lately. The others are for
 * those, whatever strangers send.
 */
export const LOOKUPS_OF_STRANGERS_MAX = 512;

/** Maximum of these for one IPv6 /48, which has 65,536 sources. */
export const LOOKUPS_OF_NETWORK_MAX = 128;

/** Maximum of these for one source (IPv4 address or IPv6 /64). */
export const LOOKUPS_OF_SOURCE_MAX = 64;

/** A bound of look-ups. */
export type LookupBound =
  | 'lookups'
  | 'lookups_of_strangers'
  | 'lookups_of_network'
  | 'lookups_of_source';

/** What a look-up occupies. */
export interface LookupPlace {
  readonly source: string;
  /** The IPv6 /48; undefined for IPv4. */
  readonly network: string | undefined;
  readonly isStranger: boolean;
}

/** Bounds the look-ups without a result: in all, of strangers, and of each network and source. */
export class LookupRoom {
  readonly #isProven: (client: TransportAddress) => boolean;
  readonly #ofSource = new KeyCounter();
  readonly #ofNetwork = new KeyCounter();
  readonly #sources = new ClientSources();
  #ofStrangers = 0;
  #taken = 0;

  /** @param isProven - whether a credential was proved from a client's source lately */
  constructor(isProven: (client: TransportAddress) => boolean) {
    this.#isProven = isProven;
  }

  /** Takes a place for a look-up of a client. @returns the bound that is met, if one is */
  take(client: TransportAddress): LookupPlace | LookupBound {
    const source = this.#sources.nameOf(client.address) ?? '';
    const network = this.#sources.networkOf(client.address);
    const isStranger = !this.#isProven(client);
    if (this.#ofSource.of(source) >= LOOKUPS_OF_SOURCE_MAX) return 'lookups_of_source';
    if (network !== undefined && this.#ofNetwork.of(network) >= LOOKUPS_OF_NETWORK_MAX) {
      return 'lookups_of_network';
    }
    if (this.#taken >= LOOKUPS_MAX) return 'lookups';
    if (isStranger && this.#ofStrangers >= LOOKUPS_OF_STRANGERS_MAX) return 'lookups_of_strangers';
    this.#taken += 1;
    this.#ofSource.add(source);
    if (network !== undefined) this.#ofNetwork.add(network);
    if (isStranger) this.#ofStrangers += 1;
    return { source, network, isStranger };
  }

  /** Frees a place. To be called once for each. */
  free({ source, network, isStranger }: LookupPlace): void {
    this.#taken -= 1;
    this.#ofSource.remove(source);
    if (network !== undefined) this.#ofNetwork.remove(network);
    if (isStranger) this.#ofStrangers -= 1;
  }
}
