import type { TransportAddress } from '../address.js';
import type { RelayedTransportAddress } from './allocation.js';
import type { RelayedPorts } from './relayed-ports.js';

/** The relayed transport addresses of allocations, by the address that others see. */
export class AdvertisedAddresses {
  /** By IP address and by port. */
  readonly #byPort = new Map<RelayedPorts, Map<number, RelayedTransportAddress>>();

  /** Adds a relayed transport address. */
  add(relayed: RelayedTransportAddress): void {
    const byPort = this.#byPort.get(relayed.ports);
    if (byPort) byPort.set(relayed.port, relayed);
    else this.#byPort.set(relayed.ports, new Map([[relayed.port, relayed]]));
  }

  /** Removes a relayed transport address. */
  delete({ ports, port }: RelayedTransportAddress): void {
    this.#byPort.get(ports)?.delete(port);
  }

  /** Returns the relayed transport address that others see as an address. */
  find({ address, port }: TransportAddress): RelayedTransportAddress | undefined {
    for (const [ports, byPort] of this.#byPort) {
      const relayed = ports.advertised === address ? byPort.get(port) : undefined;
      if (relayed !== undefined) return relayed;
    }
    return undefined;
  }
}
