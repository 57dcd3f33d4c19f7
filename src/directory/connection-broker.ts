import type { TransportAddress } from '../address.js';
import { mintValidated, OVERLAY_REALM } from '../overlay/leg-credentials.js';
import { randomSeed } from '../random.js';
import type { NoRelay } from '../selection/no-relay-reason.js';
import type { RelayRow } from '../selection/relay-facts.js';
import type { PeerHints } from '../selection/request.js';
import { type SelectionResult, select } from '../selection/select.js';
import type { FormerPairs } from './former-pairs.js';
import type { Minting } from './minting.js';
import type { RecentSelection, RecentSelections } from './recent-selections.js';

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
  /** Number of the snapshot, and the seed, by which the relays were selected. */
  readonly snapshot: number;
  readonly seed: number;
}

/** A connection, or the reason why no relay can serve it. */
export type BrokerAnswer =
  | { readonly ok: true; readonly connection: BrokeredConnection }
  | { readonly ok: false; readonly noRelay: NoRelay; readonly selection: RecentSelection };

/** A request for a connection. */
export interface ConnectionWish {
  readonly tenant: string;
  readonly peers: readonly [PeerHints, PeerHints];
  /** Time in which the credentials can start the connection, s. */
  readonly ttlSeconds: number;
  /** The tenant's name of what keeps its pair of relays from one connection to the next. */
  readonly session?: string | undefined;
}

/**
 * Creates connections: selects the relays and mints the credentials. Keeps no state of a
 * connection; of the last ones it remembers what explains the choice of their relays, and of
 * sessions the pair.
 */
export class ConnectionBroker {
  readonly #options: Minting;
  readonly #recent: RecentSelections;
  readonly #formerPairs: FormerPairs;

  /**
   * @param recent - gets every selection of a pair
   * @param formerPairs - the pairs of sessions
   */
  constructor(options: Minting, recent: RecentSelections, formerPairs: FormerPairs) {
    this.#options = options;
    this.#recent = recent;
    this.#formerPairs = formerPairs;
  }

  /**
   * Selects two relays and mints both peers' credentials.
   * @returns the connection, or the reason why no relay can serve the peers
   */
  create(wish: ConnectionWish): BrokerAnswer {
    const { tenantSecrets, live, policy, clock, random, metrics, logger } = this.#options;
    const since = clock.monotonic();
    const peers = [live.requestOf(wish.peers[0]), live.requestOf(wish.peers[1])] as const;
    const former = this.#formerPairs.of(wish);
    const allowed = policy.allowedTo(wish.tenant);
    const request = { peers, ...(allowed && { allowed }), ...(former && { former }) };
    const selection = select(live.snapshotFor(peers), request, randomSeed(random));
    metrics.selectionSeconds.observe((clock.monotonic() - since) / 1_000);
    metrics.connections.inc({
      tenant: wish.tenant,
      result: selection.ok ? 'created' : 'no-relay',
    });
    const connectionId = Buffer.from(random(16)).toString('hex');
    if (logger.isLevelEnabled('debug')) {
      const said = { connectionId, tenant: wish.tenant, selection: outlineOf(selection) };
      logger.debug(said, 'relays selected');
    }
    const { snapshot, seed } = selection;
    const recent = { connectionId, tenant: wish.tenant, snapshot, seed, request };
    if (!selection.ok) {
      live.keep();
      return { ok: false, noRelay: selection.noRelay, selection: recent };
    }
    this.#recent.add(recent);
    this.#formerPairs.selected(wish, selection);
    const { relays, addresses } = selection;
    live.assign(relays.map(({ facts }) => facts.id));
    const expiresAtSeconds = Math.floor(clock.now() / 1_000) + wish.ttlSeconds;
    const tenantSecret = tenantSecrets.get(wish.tenant);
    const half = (role: 0 | 1): ConnectionHalf => ({
      role,
      relay: namedAddress(relays[role], addresses[role]),
      peerRelay: addresses[role === 0 ? 1 : 0],
      ...mintValidated({
        tenantSecret,
        tenant: wish.tenant,
        connectionId,
        role,
        expiresAtSeconds,
      }),
    });
    const connection: BrokeredConnection = {
      connectionId,
      expiresAt: new Date(expiresAtSeconds * 1_000).toISOString().replace('.000Z', 'Z'),
      realm: OVERLAY_REALM.name,
      peers: [half(0), half(1)],
      snapshot,
      seed,
    };
    return { ok: true, connection };
  }
}

function namedAddress({ facts }: RelayRow, address: TransportAddress): ConnectionHalf['relay'] {
  return { id: facts.id, region: facts.region, ...address };
}

/** Returns a selection without its rows, for the log. */
function outlineOf(selection: SelectionResult) {
  if (!selection.ok) return selection;
  const { relays, addresses, alternates, ...outline } = selection;
  const ids = (pair: readonly RelayRow[]) => pair.map(({ facts }) => facts.id);
  return {
    ...outline,
    relays: ids(relays),
    alternates: alternates.map((each) => ids(each.relays)),
  };
}
