import type { TransportAddress } from '../../src/address.js';
import { openDataPlane } from '../../src/native/index.js';
import { listenerHandle } from '../../src/native/transport-handle.js';
import type { DataPlane, DataPlaneBatch } from '../../src/native/types.js';
import { SOURCE_PORTS } from './source-addresses.js';

/** A datagram with its source and destination. */
export interface Datagram {
  /** Its source address, any of 127.0.0.0/8. */
  readonly from: string;
  /** Index of its source port in `ManySources.ports`. */
  readonly port: number;
  readonly to: TransportAddress;
  readonly data: Uint8Array;
}

/**
 * Sends datagrams from any loopback address, like a sender with spoofed source addresses. It uses
 * the trunk sockets of a data plane, which hands up received STUN messages.
 */
export class ManySources {
  /** The UDP ports that it sends from. */
  readonly ports: readonly number[];
  readonly #plane: DataPlane;

  /** @param onBatch - called with received STUN messages, whatever address they were sent to */
  constructor(onBatch: (batch: DataPlaneBatch) => void = () => {}) {
    this.#plane = openDataPlane({
      clientAddresses: [{ address: '127.0.0.1', port: 0 }],
      trunkAddresses: Array.from({ length: SOURCE_PORTS }, () => ({ address: '0.0.0.0', port: 0 })),
      workers: 1,
      clientFlowsMax: 1,
      sessionsMax: 1,
      remoteRelaysMax: 1,
      onBatch,
    });
    this.ports = this.#plane.trunkAddresses.map(({ port }) => port);
  }

  /** Sends datagrams. */
  send(datagrams: readonly Datagram[]): void {
    this.#plane.send(
      datagrams.map(({ from, port, to, data }) => ({
        side: 'trunk' as const,
        tuple: { handle: listenerHandle('trunk', port), local: from, remote: to },
        data,
      })),
    );
  }

  /** Returns the bytes of UDP payload sent and received so far. */
  tally(): { readonly sent: number; readonly received: number } {
    const { trunk_tx_bytes, trunk_rx_bytes } = this.#plane.counters();
    return { sent: Number(trunk_tx_bytes), received: Number(trunk_rx_bytes) };
  }

  /** Closes the sockets. */
  close(): Promise<void> {
    return this.#plane.close();
  }
}
