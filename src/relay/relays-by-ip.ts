import type { RelayRecord } from '../registry/types.js';

/**
 * Which relay is at which IP address. Relays speak for the relayed transport addresses there, so an
 * address that several have registered, such as that of a NAT, is nobody's.
 */
export class RelaysByIp {
  #ids: ReadonlyMap<string, string | undefined> = new Map();

  /** Takes the registry's relays. @returns whether a relay is at another address than before */
  update(records: readonly RelayRecord[]): boolean {
    const ids = new Map<string, string | undefined>();
    for (const { id, serviceAddresses, trunkAddresses, trunkSources } of records) {
      for (const { address } of [...serviceAddresses, ...trunkAddresses, ...trunkSources]) {
        const isAnothers = ids.has(address) && ids.get(address) !== id;
        ids.set(address, isAnothers ? undefined : id);
      }
    }
    const before = this.#ids;
    this.#ids = ids;
    return before.size !== ids.size || [...ids].some(([ip, id]) => before.get(ip) !== id);
  }

  /** Returns the id of the only relay at an IP address. */
  at(address: string): string | undefined {
    return this.#ids.get(address);
  }
}
