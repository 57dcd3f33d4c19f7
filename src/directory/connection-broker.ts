import type { TransportAddress } from '../address.js';
import { mintValidated, OVERLAY_REALM } from '../overlay/leg-credentials.js';
import { uniformRandom } from '../random.js';
import type { Minting } from './minting.js';
import type { NoRelay } from './selection/no-relay-reason.js';
import type { Candidate, PeerHints } from './selection/score.js';
import { selectRelays } from './selection/select.js';

/** Default time in which credentials can start a connection. */
export const CREDENTIAL_TTL_SECONDS = 600;

/** One peer's half of a connection (PROTOCOL.md section 5). */
export interface ConnectionHalf {
  readonly role: 0 | 1;
  readonly relay: TransportAddress & { readonly id: string; readonly region: string };
  readonly peerRelay: TransportAddress;
  readonly username: string;
  readonly password: string;
}

/** A new connection: both halves, role 0 first. */
export interface BrokeredConnection {
  /** 32 lower-case hex digits. */
  readonly connectionId: string;
  /** RFC 3339, whole seconds, UTC. */
  readonly expiresAt: string;
  readonly realm: string;
  readonly peers: readonly [ConnectionHalf, ConnectionHalf];
}

/** A connection, or the reason why no relay can serve it. */
export type BrokerAnswer =
  | { readonly ok: true; readonly connection: BrokeredConnection }
  | { readonly ok: false; readonly noRelay: NoRelay };

/** A request for a connection. */
export interface ConnectionWish {
  readonly tenant: string;
  readonly peers: readonly [PeerHints, PeerHints];
  /** Time in which the credentials can start the connection, s. */
  readonly ttlSeconds: number;
}

/**
 * Creates connections: selects the relays and mints the credentials. Keeps no state of a
 * connection.
 */
export class ConnectionBroker {
  readonly #options: Minting;
  readonly #uniform: () => number;

  constructor(options: Minting) {
    this.#options = options;
    this.#uniform = uniformRandom(options.random);
  }

  /**
   * Selects two relays and mints both peers' credentials.
   * @returns the connection, or the reason why no relay can serve the peers
   */
  create(wish: ConnectionWish): BrokerAnswer {
    const { tenantSecrets, snapshots, localLoad, clock, random, metrics, logger } = this.#options;
    const { peers } = wish;
    const since = clock.monotonic();
    const snapshot = snapshots.current();
    const load = localLoad.estimate(snapshot.relays);
    const selection = selectRelays({ snapshot, load, peers, random: this.#uniform });
    metrics.selectionSeconds.observe((clock.monotonic() - since) / 1_000);
    metrics.connections.inc({
      tenant: wish.tenant,
      result: selection.ok ? 'created' : 'no-relay',
    });
    const connectionId = Buffer.from(random(16)).toString('hex');
    const { explanation } = selection;
    logger.debug({ connectionId, tenant: wish.tenant, explanation }, 'relays selected');
    if (!selection.ok) return { ok: false, noRelay: selection.noRelay };
    const expiresAtSeconds = Math.floor(clock.now() / 1_000) + wish.ttlSeconds;
    const secret = tenantSecrets.get(wish.tenant);
    const half = (role: 0 | 1): ConnectionHalf => {
      const relay = selection.relays[role];
      localLoad.assign(relay.record.id);
      return {
        role,
        relay: namedAddress(relay, selection.addresses[role]),
        peerRelay: selection.addresses[role === 0 ? 1 : 0],
        ...mintValidated({
          tenantSecret: secret,
          tenant: wish.tenant,
          connectionId,
          role,
          expiresAtSeconds,
        }),
      };
    };
    const connection: BrokeredConnection = {
      connectionId,
      expiresAt: new Date(expiresAtSeconds * 1_000).toISOString().replace('.000Z', 'Z'),
      realm: OVERLAY_REALM.name,
      peers: [half(0), half(1)],
    };
    return { ok: true, connection };
  }
}

function namedAddress(relay: Candidate, address: TransportAddress): ConnectionHalf['relay'] {
  return { id: relay.record.id, region: relay.record.region, ...address };
}
