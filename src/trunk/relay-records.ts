import { type AddressFamily, familyOf, formatAddress, type TransportAddress } from '../address.js';
import type { RelayRecord } from '../registry/types.js';

/**
 * The records of all listed other relays, by id, by service address and by trunk source. Most of a
 * large registry stays no more than that: what it costs to talk to a relay (`RemoteRelay`) follows
 * when it is needed.
 */
export class RelayRecords {
  #byId: ReadonlyMap<string, RelayRecord> = new Map();
  readonly #byService = new Map<string, string>();
  readonly #bySource = new Map<string, string>();

  get size(): number {
    return this.#byId.size;
  }

  /** Returns the record of a listed relay. */
  get(id: string): RelayRecord | undefined {
    return this.#byId.get(id);
  }

  /** Returns the id of the relay with a service address. */
  serving(address: TransportAddress): string | undefined {
    return this.#byService.get(formatAddress(address));
  }

  /** Returns the id of the relay that sends trunk datagrams from an address. */
  sendingFrom(address: TransportAddress): string | undefined {
    return this.#bySource.get(formatAddress(address));
  }

  /** Iterates over all records, in the registry's order. */
  all(): Iterable<RelayRecord> {
    return this.#byId.values();
  }

  /**
   * Returns a service address of a family: of a reached relay of a region, else of another reached
   * relay, else of any.
   */
  alternate(
    family: AddressFamily,
    region: string,
    isReached: (record: RelayRecord) => boolean,
  ): TransportAddress | undefined {
    const listed = [...this.#byId.values()];
    const reached = listed.filter(isReached);
    const near = reached.filter((record) => record.region === region);
    // An unreachable relay may still be reachable by the peer.
    for (const { serviceAddresses } of [...near, ...reached, ...listed]) {
      const address = serviceAddresses.find((each) => familyOf(each) === family);
      if (address) return address;
    }
    return undefined;
  }

  /**
   * Takes the listed relays. Costs little for records that are the same objects as before.
   * @param records - without this relay's own
   */
  update(records: readonly RelayRecord[]): void {
    const before = this.#byId;
    const now = new Map(records.map((record) => [record.id, record]));
    this.#byId = now;
    for (const record of before.values()) if (now.get(record.id) !== record) this.#remove(record);
    for (const record of records) if (before.get(record.id) !== record) this.#add(record);
  }

  #add({ id, serviceAddresses, trunkSources }: RelayRecord): void {
    for (const address of serviceAddresses) this.#byService.set(formatAddress(address), id);
    for (const address of trunkSources) this.#bySource.set(formatAddress(address), id);
  }

  #remove({ id, serviceAddresses, trunkSources }: RelayRecord): void {
    for (const [ids, addresses] of [
      [this.#byService, serviceAddresses],
      [this.#bySource, trunkSources],
    ] as const) {
      for (const address of addresses) {
        const text = formatAddress(address);
        if (ids.get(text) === id) ids.delete(text);
      }
    }
  }
}
