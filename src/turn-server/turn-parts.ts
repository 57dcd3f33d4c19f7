import { isIPv6 } from 'node:net';
import type { TransportAddress } from '../address.js';
import type { CredentialSource } from '../auth/turn-principal.js';
import { TurnpikeError } from '../errors.js';
import { DATA_PLANE_LIMITS } from '../native/interface.js';
import type { RandomBytes } from '../random.js';
import type { TurnLimits } from '../turn/index.js';
import { Credentials } from './credentials.js';
import type { CheckedTurnSettings } from './options.js';
import { ReplaceablePeerPolicy } from './replaceable-peer-policy.js';
import { type ServingPlan, servingPlan } from './serving-plan.js';
import type { TurnUsageSettings } from './turn-usage.js';

/** Maximum permissions of one allocation; a further one is refused with 508. */
export const PERMISSIONS_OF_ALLOCATION_MAX = 256;

/** Maximum channels of one allocation; a further one is refused with 508. */
export const CHANNELS_OF_ALLOCATION_MAX = 256;

/**
 * Entries of a worker's table per allocation, on average: its own, and those of two peers with a
 * channel.
 */
export const FLOWS_PER_ALLOCATION = 8;

/** Further entries of a worker's table, so that a small server has room for a large allocation. */
export const FLOWS_SPARE = 4_096;

/**
 * Further entries of a worker's table per allocation where clients may move: for the 5-tuple that
 * one has, for the one that it moves to, and for an entry that is put before another is removed.
 */
export const MOVED_FLOWS_PER_ALLOCATION = 3;

/** What TURN is made of, checked and completed from this host before a data plane is open. */
export interface TurnParts {
  readonly plan: ServingPlan;
  readonly credentials: Credentials;
  readonly peers: ReplaceablePeerPolicy;
}

/** What the parts are made of besides the settings. */
export interface PartsInput {
  /** Addresses for clients; empty for those of `turnpike turn`. */
  readonly listen: readonly TransportAddress[];
  /** Addresses for other relays; default none. */
  readonly trunk?: readonly TransportAddress[] | undefined;
  readonly workers: number | undefined;
  /** Default: `randomBytes` of node:crypto. */
  readonly random?: RandomBytes | undefined;
  /** The users of tenants, where they count. */
  readonly tenants?: CredentialSource | undefined;
}

/**
 * Checks settings of TURN, and completes them from this host.
 * @throws TurnpikeError as `Credentials`, `servingPlan` and `ReplaceablePeerPolicy`;
 *   ERR_TURNPIKE_CONFIG for a default family without a relay address
 */
export async function turnParts(
  settings: CheckedTurnSettings,
  { tenants, ...input }: PartsInput,
): Promise<TurnParts> {
  const hasLookups = settings.authenticate !== undefined;
  const { realm, oauthServerName } = settings;
  const others = { tenants, hasLookups, oauthServerName };
  const credentials = new Credentials(realm, settings, others);
  const plan = await servingPlan({ ...settings, ...input });
  checkDefaultFamily(settings, plan);
  return { plan, credentials, peers: new ReplaceablePeerPolicy(settings, plan) };
}

/** Every client that names no family would be refused. */
function checkDefaultFamily(
  { defaultFamily }: CheckedTurnSettings,
  { relayAddresses }: ServingPlan,
): void {
  const isServed = relayAddresses.some(({ advertised }) => isIPv6(advertised));
  if (defaultFamily !== 'ipv6' || isServed) return;
  const message =
    '`defaultFamily` (--default-family) is ipv6, but no relay address is: add an IPv6 one to ' +
    '`relayAddresses` (--relay-address)';
  throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
}

/** Returns the number of entries that allocations may take in each worker's table. */
function flowsOf({ allocationsMax }: ServingPlan): number {
  const wanted = FLOWS_PER_ALLOCATION * allocationsMax + FLOWS_SPARE;
  return Math.min(wanted, DATA_PLANE_LIMITS.clientFlowsLimit);
}

/** Returns the size of each worker's table of flows, of allocations and of clients that move. */
export function tableFlowsOf(plan: ServingPlan, mobility: boolean): number {
  const further = mobility ? MOVED_FLOWS_PER_ALLOCATION * plan.allocationsMax : 0;
  return Math.min(flowsOf(plan) + further, DATA_PLANE_LIMITS.clientFlowsLimit);
}

/** Returns the settings of the usage that the parts make. */
export function turnUsageSettings(
  { plan, credentials, peers }: TurnParts,
  settings: CheckedTurnSettings,
): TurnUsageSettings {
  return {
    verifier: credentials.verifier,
    relayedAddresses: plan.relayAddresses,
    ports: plan.ports,
    policy: peers,
    limits: turnLimits(plan, settings),
    userBandwidth: settings.userBandwidth,
    mobility: settings.mobility,
    softwareAttribute: settings.softwareAttribute,
    defaultFamily: settings.defaultFamily,
    alternateServers: settings.alternateServers,
    authenticate: settings.authenticate,
    authenticateTimeoutMs: settings.authenticateTimeoutMs,
    onEvent: settings.onEvent,
  };
}

/** Returns the bounds of allocations. */
function turnLimits(
  plan: ServingPlan,
  { userQuota, lifetimeSecondsMax }: CheckedTurnSettings,
): TurnLimits {
  return {
    allocationsMax: plan.allocationsMax,
    userQuota: quotaOf(userQuota),
    lifetimeSecondsMax,
    permissionsMax: PERMISSIONS_OF_ALLOCATION_MAX,
    channelsMax: CHANNELS_OF_ALLOCATION_MAX,
    entriesMax: flowsOf(plan),
  };
}

/** Returns the maximum number of allocations of a user. @param userQuota - 0 for no quota */
export function quotaOf(userQuota: number): number {
  return userQuota === 0 ? Number.POSITIVE_INFINITY : userQuota;
}
