import { mintTurnCredential } from '../auth/tenant-turn-credentials.js';
import { randomSeed } from '../random.js';
import type { PeerHints } from '../selection/request.js';
import { selectTurnRelays, type TurnSelection } from '../selection/turn-relays.js';
import { turnUrl } from '../stun/turn-url.js';
import type { Minting } from './minting.js';

/** Default time in which a credential for TURN makes allocations, s. */
export const ICE_SERVERS_TTL_SECONDS = 3_600;

/** Default number of relays in the answer of `POST /v1/ice-servers`. */
export const ICE_RELAYS_DEFAULT = 2;

/** Maximum number of relays in the answer of `POST /v1/ice-servers`. */
export const ICE_RELAYS_MAX = 8;

/** One element of `RTCConfiguration.iceServers`: a relay. */
export interface IceServer {
  readonly urls: string[];
  readonly username: string;
  readonly credential: string;
}

/** The answer of `POST /v1/ice-servers`, which is an `RTCConfiguration` too. */
export interface IceServersAnswer {
  /** The nearest relay first. */
  readonly iceServers: IceServer[];
  readonly ttlSeconds: number;
  /** RFC 3339, whole seconds, UTC. */
  readonly expiresAt: string;
}

/** A request for ICE servers. */
export interface IceServersWish {
  readonly tenant: string;
  /** The user whom quotas count; undefined for the tenant as a whole. */
  readonly user: string | undefined;
  readonly client: PeerHints;
  /** Number of relays at most. */
  readonly relays: number;
  /** Time in which the credential makes allocations, s. */
  readonly ttlSeconds: number;
}

/** The answer, or the reason why no relay can serve. */
export type IceServersResult =
  | { readonly ok: true; readonly answer: IceServersAnswer }
  | Extract<TurnSelection, { readonly ok: false }>;

/** Selects relays for TURN clients and mints their credentials. Keeps no state of either. */
export class IceServers {
  readonly #options: Minting;

  constructor(options: Minting) {
    this.#options = options;
  }

  /**
   * Selects relays, and mints a credential that all of them accept.
   * @returns the answer, or the reason why no relay can serve
   * @throws TurnpikeError ERR_TURNPIKE_CREDENTIAL for a user that makes the username too long
   */
  create({ tenant, user, client, relays, ttlSeconds }: IceServersWish): IceServersResult {
    const { tenantSecrets, live, policy, clock, random, metrics, logger } = this.#options;
    const expiresAtSeconds = Math.floor(clock.now() / 1_000) + ttlSeconds;
    const tenantSecret = tenantSecrets.get(tenant);
    const { username, password } = mintTurnCredential({
      tenantSecret,
      tenant,
      user,
      expiresAtSeconds,
    });
    const allowed = policy.allowedTo(tenant);
    const request = { client: live.requestOf(client), relays, ...(allowed && { allowed }) };
    const snapshot = live.snapshotFor([request.client]);
    const selection = selectTurnRelays(snapshot, request, randomSeed(random));
    metrics.iceServers.inc({ tenant, result: selection.ok ? 'created' : 'no-relay' });
    logger.debug({ tenant, snapshot: snapshot.number, selection }, 'relays with TURN selected');
    if (!selection.ok) return selection;
    const iceServers = selection.relays.map(({ addresses }) => ({
      urls: addresses.map(turnUrl),
      username,
      credential: password,
    }));
    const expiresAt = new Date(expiresAtSeconds * 1_000).toISOString().replace('.000Z', 'Z');
    return { ok: true, answer: { iceServers, ttlSeconds, expiresAt } };
  }
}
