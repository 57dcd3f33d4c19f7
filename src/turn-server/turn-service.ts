import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import { formatAddress, type TransportAddress } from '../address.js';
import { isTurnpikeError, TurnpikeError } from '../errors.js';
import type { DataPlane } from '../native/types.js';
import type { RelayedAddress, Turn, TurnLimits } from '../turn/index.js';
import type { OwnSockets } from '../turn/own-ports.js';
import type { AllocationsLimit } from './allocations-limit.js';
import type { CredentialTexts } from './credentials.js';
import { reachesItself } from './own-addresses.js';
import { checkPortsLeft } from './port-range.js';
import { unreachableRelayAddresses } from './relay-addresses.js';
import type { PeerLists } from './replaceable-peer-policy.js';
import { quotaOf, type TurnParts } from './turn-parts.js';
import { clientAddresses, turnUrl } from './turn-urls.js';

/** Interval at which a draining server looks whether allocations are left, ms. */
const DRAIN_POLL_MS = 50;

/** The settings of TURN that can change while it runs. */
interface Changing extends CredentialTexts, PeerLists {
  readonly userQuota: number;
  readonly lifetimeSecondsMax: number;
  readonly userBandwidth: number;
  readonly alternateServers: readonly TransportAddress[];
}

/** Changes of settings, which are checked together, since one credential must be left. */
export type TurnChange = { -readonly [Name in keyof Changing]?: Changing[Name] };

/** Returns effects that only note the values of an update, for `TurnService#prepare`. */
export function notedIn(change: TurnChange): {
  readonly [Name in keyof Changing]: (value: Changing[Name]) => () => void;
} {
  const noted =
    <Name extends keyof Changing>(name: Name) =>
    (value: Changing[Name]) => {
      change[name] = value;
      return () => {};
    };
  return {
    users: noted('users'),
    authSecrets: noted('authSecrets'),
    oauthKeys: noted('oauthKeys'),
    allowPeers: noted('allowPeers'),
    denyPeers: noted('denyPeers'),
    allowPrivatePeers: noted('allowPrivatePeers'),
    userQuota: noted('userQuota'),
    lifetimeSecondsMax: noted('lifetimeSecondsMax'),
    userBandwidth: noted('userBandwidth'),
    alternateServers: noted('alternateServers'),
  };
}

/** Dependencies of `TurnService`. */
export interface TurnServiceOptions {
  readonly turn: Turn;
  readonly parts: TurnParts;
  /** The addresses for clients, as bound. */
  readonly listen: readonly TransportAddress[];
  /** Addresses for clients as others see them, if they differ from what the parts tell. */
  readonly advertised?: readonly TransportAddress[];
  readonly alternateServers: readonly TransportAddress[];
  readonly logger: Logger;
}

/** TURN at a client port, with what changes while it runs. */
export class TurnService {
  readonly turn: Turn;
  /** The addresses at which clients reach it, as far as this host can tell. */
  readonly addresses: readonly TransportAddress[];
  /** The same as URLs (RFC 7065). */
  readonly urls: readonly string[];
  readonly relayAddresses: readonly RelayedAddress[];
  readonly allocationsLimit: AllocationsLimit;
  readonly #parts: TurnParts;
  readonly #listen: readonly TransportAddress[];

  /** @throws TurnpikeError ERR_TURNPIKE_CONFIG for an alternate server that is this one */
  constructor(options: TurnServiceOptions) {
    const { turn, parts, listen, alternateServers, logger } = options;
    const { relayAddresses, allocationsMax, because } = parts.plan;
    this.turn = turn;
    this.#parts = parts;
    this.#listen = listen;
    this.relayAddresses = relayAddresses;
    this.allocationsLimit = { allocationsMax, because };
    this.addresses = options.advertised ?? clientAddresses(listen, relayAddresses);
    this.urls = this.addresses.map(turnUrl);
    this.#checkAlternates(alternateServers);
    sayDoubts(parts, logger);
  }

  /** Number of allocations. */
  get allocations(): number {
    return this.turn.allocations;
  }

  /**
   * Checks changes of settings, and returns what applies them. Each replaces its list. Users and
   * peers that are not allowed any more lose their allocations and permissions.
   * @throws TurnpikeError as the constructors of the parts, and as this one
   */
  prepare(change: TurnChange): () => void {
    const { users, authSecrets, oauthKeys, userBandwidth, alternateServers } = change;
    const { credentials, peers } = this.#parts;
    const takeCredentials = credentials.prepare(change);
    const takePeers = peers.prepare(change);
    if (alternateServers !== undefined) this.#checkAlternates(alternateServers);
    return () => {
      takePeers();
      this.turn.setPolicy(peers);
      if (users !== undefined || authSecrets !== undefined || oauthKeys !== undefined) {
        takeCredentials();
        const { verifier } = credentials;
        this.turn.endUsers((username, key, token) => verifier.accepts(username, key, token));
      }
      this.turn.setLimits({ ...this.turn.limits, ...limitsIn(change) });
      if (userBandwidth !== undefined) this.turn.setUserBandwidth(userBandwidth);
      if (alternateServers !== undefined) this.turn.setAlternateServers(alternateServers);
    };
  }

  /**
   * Takes the IP addresses of the cluster's relays: peers there may have the ports of relayed
   * transport addresses alone.
   */
  takeRelays(ips: readonly string[]): void {
    const { peers } = this.#parts;
    if (peers.takeRelays(ips)) this.turn.setPolicy(peers);
  }

  /** Waits until no allocation is left, at most `seconds`. */
  async drained(seconds: number): Promise<void> {
    const until = performance.now() + seconds * 1_000;
    while (this.allocations > 0 && performance.now() < until) await setTimeout(DRAIN_POLL_MS);
  }

  /** Clients would come back to this server without end. */
  #checkAlternates(alternates: readonly TransportAddress[]): void {
    const wrong = alternates.find((each) => reachesItself(each, this.#listen, this.addresses));
    if (wrong === undefined) return;
    const message = `the alternate server ${formatAddress(wrong)} is this server itself`;
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
  }
}

/** Returns the bounds of allocations that a change has. */
function limitsIn({ userQuota, lifetimeSecondsMax }: TurnChange): Partial<TurnLimits> {
  return {
    ...(userQuota !== undefined && { userQuota: quotaOf(userQuota) }),
    ...(lifetimeSecondsMax !== undefined && { lifetimeSecondsMax }),
  };
}

/** Logs what is probably not what the operator wants. */
function sayDoubts({ plan, credentials: { md5Only } }: TurnParts, logger: Logger): void {
  for (const { address, advertised } of unreachableRelayAddresses(plan.relayAddresses)) {
    logger.warn(
      { event: 'relay-address-private', address, advertised },
      `the relay address ${advertised} cannot be reached from the Internet; behind a ` +
        `one-to-one NAT give the public one too: ${address}/PUBLIC-IP`,
    );
  }
  for (const { address, advertised, portSeen } of plan.portsChanged) {
    if (portSeen === undefined) continue;
    const { local, mapped } = portSeen;
    logger.warn(
      { event: 'relay-ports-changed', address, advertised, local, mapped },
      `the NAT of ${address} shows port ${local} as ${mapped}: peers reach no relayed port ` +
        'unless it forwards all of --relay-ports one to one',
    );
  }
  if (md5Only.length === 0) return;
  logger.info(
    { event: 'md5-only', users: md5Only.length },
    `users with an MD5 key alone, who cannot use SHA-256: ${md5Only.length}`,
  );
}

/**
 * Binds a port of each relay address and frees it again, so that a wrong address is an error at the
 * start instead of a refusal of every client.
 * @throws TurnpikeError ERR_TURNPIKE_BIND with `errno` and `address`; as `checkPortsLeft`
 */
export async function tryRelayAddresses(
  plane: Pick<DataPlane, 'openEndpoint' | 'closeEndpoint'> & OwnSockets,
  plan: Pick<TurnParts['plan'], 'relayAddresses' | 'ports'>,
): Promise<void> {
  const { relayAddresses } = plan;
  checkPortsLeft(plane, plan);
  for (const { address } of relayAddresses) {
    const spec = { kind: 'relayed', address: { address, port: 0 }, worker: 0 } as const;
    try {
      const { handle } = await plane.openEndpoint(spec);
      await plane.closeEndpoint(handle);
    } catch (error) {
      throw namedFailure(address, error);
    }
  }
}

/** Names the setting of a relay address that cannot be bound, and says what belongs there. */
function namedFailure(address: string, error: unknown): unknown {
  if (!isTurnpikeError(error) || error.errno !== 'EADDRNOTAVAIL') return error;
  const message =
    `the relay address ${address} (\`relayAddresses\`, --relay-address) is none of this host's ` +
    'interfaces: give the address of one; behind a one-to-one NAT the public one follows after a ' +
    'slash, such as 10.0.0.5/192.0.2.10';
  const { code, errno, address: at = address } = error;
  return new TurnpikeError(code, message, { errno, address: at, cause: error });
}
