import { familyOf, formatAddress, type TransportAddress } from '../address.js';
import type { RelayFinder } from '../overlay/allocate.js';
import type { PeerRelay } from '../overlay/leg.js';
import type { RelayRecord } from '../registry/types.js';
import type { Trunk } from '../trunk/trunk.js';
import { includesAddress } from './advertised-addresses.js';

/** Finds relays by the service addresses they registered. */
export class RegistryFinder implements RelayFinder {
  draining = false;
  readonly #id: string;
  readonly #region: string;
  readonly #own: readonly TransportAddress[];
  readonly #trunk: Trunk;
  #byAddress = new Map<string, string>();
  #records: readonly RelayRecord[] = [];

  /**
   * @param self - this relay's id, region and advertised service addresses
   * @param trunk - holds the relays that records name
   */
  constructor(
    self: { id: string; region: string; serviceAddresses: readonly TransportAddress[] },
    trunk: Trunk,
  ) {
    this.#id = self.id;
    this.#region = self.region;
    this.#own = self.serviceAddresses;
    this.#trunk = trunk;
  }

  /** Takes the relays that the registry holds now. */
  update(records: readonly RelayRecord[]): void {
    this.#records = records.filter((record) => record.id !== this.#id);
    this.#byAddress = new Map(
      this.#records.flatMap((record) =>
        record.serviceAddresses.map((address) => [formatAddress(address), record.id] as const),
      ),
    );
  }

  find(address: TransportAddress): PeerRelay | undefined {
    if (includesAddress(this.#own, address)) return 'self';
    const id = this.#byAddress.get(formatAddress(address));
    return id === undefined ? undefined : this.#trunk.get(id);
  }

  alternate(family: 4 | 6): TransportAddress | undefined {
    const reached = this.#records.filter(
      ({ id }) => this.#trunk.get(id)?.unreachable === undefined,
    );
    const near = reached.filter((record) => record.region === this.#region);
    // One that is not reached from here may still be reached by the peer, if there is no other.
    for (const record of [...near, ...reached, ...this.#records]) {
      const address = record.serviceAddresses.find((each) => familyOf(each) === family);
      if (address) return address;
    }
    return undefined;
  }
}
