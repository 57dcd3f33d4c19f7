import type { TransportAddress } from '../../src/address.js';
import { openDataPlane } from '../../src/native/index.js';
import { listenerHandle } from '../../src/native/transport-handle.js';
import type { DataPlane, DataPlaneBatch } from '../../src/native/types.js';
import { SOURCE_PORTS } from './source-addresses.js';

/** A datagram and where it leaves from. */
export interface Datagram {
  /** The address that it leaves from, any of 127.0.0.0/8. */
  readonly from: string;
  /** Which of the ports, below `SOURCE_PORTS`. */
  readonly port: number;
  readonly to: TransportAddress;
  readonly data: Uint8Array;
}

/**
 * Sends datagrams from any loopback address, as who writes source addresses does elsewhere. The
 * sockets are a data plane's trunk sockets: it hands up all that is STUN.
 */
export class ManySources {
  /** The UDP ports that it sends from. */
  readonly ports: readonly number[];
  readonly #plane: DataPlane;

  /** @param onBatch - takes the answers; those of `from` that are nobody's come as well */
  constructor(onBatch: (batch: DataPlaneBatch) => void = () => {}) {
    this.#plane = openDataPlane({
      clientAddresses: [{ address: '127.0.0.1', port: 0 }],
      trunkAddresses: Array.from({ length: SOURCE_PORTS }, () => ({ address: '0.0.0.0', port: 0 })),
      workers: 1,
      clientFlowsMax: 1,
      sessionsMax: 1,
      trunkPeersMax: 1,
      onBatch,
    });
    this.ports = this.#plane.trunkAddresses.map(({ port }) => port);
  }

  /** Sends all with as few system calls as it can. */
  send(datagrams: readonly Datagram[]): void {
    this.#plane.send(
      datagrams.map(({ from, port, to, data }) => ({
        side: 'trunk' as const,
        tuple: { handle: listenerHandle('trunk', port), local: from, remote: to },
        data,
      })),
    );
  }

  /** What was sent and what came back so far, bytes of UDP payload. */
  tally(): { readonly sent: number; readonly received: number } {
    const { trunk_tx_bytes, trunk_rx_bytes } = this.#plane.counters();
    return { sent: Number(trunk_tx_bytes), received: Number(trunk_rx_bytes) };
  }

  /** Frees the sockets. */
  close(): Promise<void> {
    return this.#plane.close();
  }
}
