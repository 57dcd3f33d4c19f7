import { randomBytes } from 'node:crypto';
import { formatAddress, type TransportAddress } from '../../address.js';
import { relaySecret, tenantRoot } from '../../auth/keys.js';
import { Directory } from '../../directory/index.js';
import { Relay } from '../../relay/index.js';
import { type Environment, type PeerRun, RELAYS_BY_SIDE } from './environment.js';
import type { DemoEvent, Side } from './events.js';
import { runDemoPeer } from './peer.js';

/** Loopback, on a port that the system chooses. */
const LISTEN: TransportAddress = { address: '127.0.0.1', port: 0 };

/** Runs everything in this process, without privileges. */
export class LoopbackEnvironment implements Environment {
  readonly #apiKey = randomBytes(32).toString('base64');
  readonly #relays: Relay[] = [];
  #directory: Directory | undefined;
  #opening: Promise<void> | undefined;
  /** Never settles: all parts run in this process. */
  readonly broken = new Promise<never>(() => {});

  open(show: (event: DemoEvent) => void): Promise<void> {
    this.#opening = this.#open(show);
    return this.#opening;
  }

  runPeer(side: Side, run: PeerRun): Promise<void> {
    const directoryUrl = this.#directory?.url ?? '';
    return runDemoPeer({ directoryUrl, apiKey: this.#apiKey, side }, run);
  }

  async close(): Promise<void> {
    // Otherwise a part that is being opened would stay open.
    await this.#opening?.catch(() => {});
    await Promise.all(this.#relays.map((relay) => relay.close()));
    await this.#directory?.close();
  }

  async #open(show: (event: DemoEvent) => void): Promise<void> {
    const clusterSecret = randomBytes(32);
    const apiKeys = [{ key: this.#apiKey, tenant: 'default' }];
    this.#directory = await Directory.open({ listen: LISTEN, clusterSecret, apiKeys });
    show({ event: 'directory', url: this.#directory.url });
    for (const { id, region } of [RELAYS_BY_SIDE.A, RELAYS_BY_SIDE.B]) {
      const relay = await Relay.open({
        id,
        region,
        listen: [LISTEN],
        trunk: [LISTEN],
        relaySecret: relaySecret(clusterSecret, id),
        tenantRoot: tenantRoot(clusterSecret),
        directoryUrl: this.#directory.url,
        workers: 1,
      });
      this.#relays.push(relay);
      const service = relay.serviceAddresses.map(formatAddress).join(', ');
      const trunk = relay.trunkAddresses.map(formatAddress).join(', ');
      show({ event: 'relay', id, service, trunk });
    }
  }
}
