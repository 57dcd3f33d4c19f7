import { networkInterfaces } from 'node:os';
import { canonicalIp, isWildcard, type TransportAddress } from '../address.js';
import { type Health, type HealthReason, healthOf } from '../http/health.js';
import type { RegistrationClient } from './registration-client.js';
import type { StuckWorker } from './worker-watchdog.js';

/** Maximum unreachable relays named in a reason; further ones are counted. */
const NAMED_MAX = 8;

/** The facts from which a relay's health follows. */
export interface RelayHealthFacts {
  readonly closing: boolean;
  readonly draining: boolean;
  readonly stuck: readonly StuckWorker[];
  /** Addresses of bound sockets that this host no longer has. */
  readonly lostAddresses: readonly string[];
  /** Undefined without a directory. */
  readonly registration: Pick<RegistrationClient, 'state' | 'everRegistered' | 'away'> | undefined;
  readonly unreachable: readonly { readonly id: string; readonly reason: string }[];
}

/**
 * Returns a relay's liveness and readiness. The loss of the directory or of other relays is
 * reported but affects neither: otherwise such an outage would take every relay out of service.
 */
export function relayHealth(facts: RelayHealthFacts): Health {
  const { closing, draining, stuck, lostAddresses, registration, unreachable } = facts;
  const reasons: HealthReason[] = [];
  for (const { worker, seconds } of stuck) {
    const detail = `forwarding thread ${worker} has done nothing for ${seconds} s`;
    reasons.push({ code: 'worker-stuck', detail, stops: 'liveness' });
  }
  if (closing) reasons.push(readiness('closing', 'the relay stops'));
  else if (draining) reasons.push(readiness('draining', 'the relay takes no new peers'));
  for (const address of lostAddresses) {
    reasons.push(readiness('address-lost', `this host has the address ${address} no more`));
  }
  if (registration !== undefined && !closing) reasons.push(...registrationReasons(registration));
  const named = unreachable.slice(0, NAMED_MAX).map(({ id, reason }) => `${id} (${reason})`);
  if (named.length > 0) {
    const more = unreachable.length - named.length;
    const detail = `no way to ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    reasons.push({ code: 'relays-unreachable', detail, stops: 'nothing' });
  }
  return healthOf(reasons);
}

function registrationReasons(
  registration: NonNullable<RelayHealthFacts['registration']>,
): HealthReason[] {
  const { state, everRegistered, away } = registration;
  if (state === 'superseded') {
    return [readiness('superseded', 'another process has registered under this id')];
  }
  if (!everRegistered) {
    const why = away === undefined ? '' : `: directory ${away}`;
    return [readiness('not-registered', `not registered with the directory yet${why}`)];
  }
  if (away === undefined && state === 'registered') return [];
  const detail = `directory ${away ?? 'has forgotten this relay'}; what is known goes on`;
  return [{ code: 'directory-away', detail, stops: 'nothing' }];
}

function readiness(code: string, detail: string): HealthReason {
  return { code, detail, stops: 'readiness' };
}

/** Detects bound addresses that the host has lost. */
export class BoundAddresses {
  readonly #ips: readonly string[];

  /** @param bound - addresses that the host lacks now, as with IP_FREEBIND, are not watched */
  constructor(bound: readonly TransportAddress[]) {
    const present = hostIps();
    const fixed = bound.filter((address) => !isWildcard(address)).map(({ address }) => address);
    this.#ips = [...new Set(fixed)].filter((ip) => present.has(ip));
  }

  /** Returns the IP addresses that the host no longer has. */
  lost(): string[] {
    const present = hostIps();
    return this.#ips.filter((ip) => !present.has(ip));
  }
}

function hostIps(): Set<string> {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return new Set(addresses.map(({ address }) => canonicalIp(address.replace(/%.*$/, ''))));
}
