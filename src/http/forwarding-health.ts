import { networkInterfaces } from 'node:os';
import { canonicalIp, isWildcard, type TransportAddress } from '../address.js';
import type { StuckWorker } from '../native/worker-watchdog.js';
import type { HealthReason } from './health.js';

/** The state of a data plane that affects the health of its service. */
export interface ForwardingFacts {
  readonly stuck: readonly StuckWorker[];
  /** Addresses of bound sockets that this host no longer has. */
  readonly lostAddresses: readonly string[];
}

/** Returns why a service cannot forward: a stuck thread costs its liveness, a lost address not. */
export function forwardingReasons({ stuck, lostAddresses }: ForwardingFacts): HealthReason[] {
  const ofWorkers = stuck.map(({ worker, seconds }): HealthReason => {
    const detail = `forwarding thread ${worker} has done nothing for ${seconds} s`;
    return { code: 'worker-stuck', detail, stops: 'liveness' };
  });
  const ofAddresses = lostAddresses.map((address): HealthReason => {
    const detail = `this host has the address ${address} no more`;
    return { code: 'address-lost', detail, stops: 'readiness' };
  });
  return [...ofWorkers, ...ofAddresses];
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

/** Returns the IP addresses of this host's network devices, in canonical text. */
export function hostIps(): Set<string> {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return new Set(addresses.map(({ address }) => canonicalIp(address.replace(/%.*$/, ''))));
}
