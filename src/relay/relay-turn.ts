import type { TransportAddress } from '../address.js';
import { TenantTurnUsers } from '../auth/tenant-turn-credentials.js';
import { TurnpikeError } from '../errors.js';
import { BoundAddresses } from '../http/forwarding-health.js';
import { DATA_PLANE_LIMITS } from '../native/interface.js';
import type { DataPlane } from '../native/types.js';
import type { RelayLoad, RelayRecord } from '../registry/types.js';
import type { AllocationsLimit } from '../turn-server/allocations-limit.js';
import { type TurnParts, tableFlowsOf, turnParts } from '../turn-server/turn-parts.js';
import type { TurnChange, TurnService } from '../turn-server/turn-service.js';
import type { CheckedRelayOptions } from './options.js';

/** What a relay tells of the standard TURN that it serves. */
export interface ServedTurn {
  /** The addresses at which clients reach it: the relay's for peers. */
  readonly addresses: readonly TransportAddress[];
  /** The same as URLs (RFC 7065), for `RTCConfiguration.iceServers`. */
  readonly urls: readonly string[];
  readonly relayAddresses: TurnService['relayAddresses'];
  /** Maximum number of allocations, and what it follows from. */
  readonly allocationsLimit: AllocationsLimit;
  /** Number of allocations. */
  readonly allocations: number;
}

/**
 * Checks the settings of TURN, and completes them from this host.
 * @returns undefined where no source of credentials is given: users, shared secrets, keys of access
 *   tokens, `authenticate` or the tenants
 * @throws TurnpikeError as `turnParts`
 */
export async function relayTurnParts(options: CheckedRelayOptions): Promise<TurnParts | undefined> {
  const { turn, users, authSecrets, oauthKeys, authenticate, tenantRoot } = options;
  const given = users.length + authSecrets.length + oauthKeys.length;
  const isServed = turn || given > 0 || authenticate !== undefined;
  if (!isServed) return undefined;
  const tenants = turn ? new TenantTurnUsers(tenantRoot) : undefined;
  const { listen, trunk, workers } = options;
  return turnParts(options, { listen, trunk, workers, tenants });
}

/** Returns the size of each worker's table of client flows: for the legs, and for allocations. */
export function clientFlowsMax(
  { legsMax, mobility }: Pick<CheckedRelayOptions, 'legsMax' | 'mobility'>,
  turn: TurnParts | undefined,
): number {
  const flows = legsMax + (turn === undefined ? 0 : tableFlowsOf(turn.plan, mobility));
  return Math.min(flows, DATA_PLANE_LIMITS.clientFlowsLimit);
}

/** Returns the watch over the addresses that a relay has bound, or binds relayed ones of. */
export function boundAddresses(
  { clientAddresses, trunkAddresses }: Pick<DataPlane, 'clientAddresses' | 'trunkAddresses'>,
  turn: TurnParts | undefined,
): BoundAddresses {
  const relayed = turn?.plan.relayAddresses ?? [];
  return new BoundAddresses([
    ...clientAddresses,
    ...trunkAddresses,
    ...relayed.map(({ address }) => ({ address, port: 0 })),
  ]);
}

/**
 * Checks changes of settings of TURN, and returns what applies them.
 * @param turn - undefined where it is not served
 * @throws TurnpikeError as `TurnService#prepare`; ERR_TURNPIKE_CONFIG where it is not served
 */
export function prepareTurn(turn: TurnService | undefined, change: TurnChange): () => void {
  const names = Object.keys(change);
  if (names.length === 0) return () => {};
  if (turn !== undefined) return turn.prepare(change);
  const message =
    `Relay#update: \`${names[0]}\` is a setting of TURN, which is served only by a relay that ` +
    'was started with `turn`, `users`, `authSecrets`, `oauthKeys` or `authenticate`';
  throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
}

/**
 * Returns the IP addresses of relays, this one included. Their services trust each other, so peers
 * there may have the ports of relayed transport addresses alone.
 */
export function relayIps(records: readonly RelayRecord[]): string[] {
  const all = records.flatMap(({ serviceAddresses, trunkAddresses, trunkSources }) => [
    ...serviceAddresses,
    ...trunkAddresses,
    ...trunkSources,
  ]);
  return [...new Set(all.map(({ address }) => address))];
}

/** Returns how busy the TURN is that tenants' users get here; nothing where they get none. */
export function turnLoad(
  served: ServedTurn | undefined,
  { turn }: Pick<CheckedRelayOptions, 'turn'>,
): Pick<RelayLoad, 'turn'> {
  if (served === undefined || !turn) return {};
  const { allocations, allocationsLimit } = served;
  return { turn: { allocations, allocationsMax: allocationsLimit.allocationsMax } };
}
