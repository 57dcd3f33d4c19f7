import { isName, registrationKey, relayKeyPair, relaySecret } from '../../src/auth/keys.js';
import type { Clock } from '../../src/clock.js';
import type { LiveRelay } from '../../src/directory/snapshot.js';
import type { RelayLoad, RelayRecord } from '../../src/registry/types.js';
import { NO_DOUBTS } from '../../src/selection/doubts.js';

/** The cluster secret of PROTOCOL.md section 7. */
export const CLUSTER_SECRET = Uint8Array.from({ length: 32 }, (_, index) => index);

export const API_KEY = 'api-key-of-default';
export const OTHER_API_KEY = 'the-api-key-of-acme';
export const OPERATOR_KEY = 'the-key-of-operators';
export const API_KEYS = [
  { key: API_KEY, tenant: 'default' },
  { key: OTHER_API_KEY, tenant: 'acme' },
];

export const IDLE: RelayLoad = { legs: 0, legsMax: 1_000, cpu: 0, packetsPerSecond: 0 };

/** A clock that only `advance` and `spread` move. */
export class FakeClock implements Clock {
  wallMs = Date.UTC(2026, 10, 22, 14, 50);
  monotonicMs = 1_000;

  now(): number {
    return this.wallMs;
  }

  monotonic(): number {
    return this.monotonicMs;
  }

  advance(ms: number): void {
    this.wallMs += ms;
    this.monotonicMs += ms;
  }

  /** Lets enough time pass for a few relays to fetch a registry, so that the next is published. */
  spread(): void {
    this.monotonicMs += 10;
  }
}

/** Returns the registration key of a relay; for an invalid name, that of fra-1. */
export function keyOf(id: string): Uint8Array {
  return registrationKey(relaySecret(CLUSTER_SECRET, isName(id) ? id : 'fra-1'));
}

export function publicKeyOf(id: string): string {
  const { publicKey } = relayKeyPair(relaySecret(CLUSTER_SECRET, id));
  return Buffer.from(publicKey).toString('base64');
}

/** Makes a valid record of a relay. Each `host` has its own addresses. */
export function relayRecord(
  id: string,
  host: number,
  changes: Partial<RelayRecord> = {},
): RelayRecord {
  const ip = `10.${host >> 16}.${(host >> 8) & 255}.${host & 255}`;
  return {
    id,
    region: id.split('-')[0] ?? id,
    start: 1_700_000_000_000,
    publicKey: changes.publicKey ?? publicKeyOf(id),
    serviceAddresses: [{ address: ip, port: 3478 }],
    trunkAddresses: [{ address: ip, port: 3480 }],
    trunkSources: [{ address: ip, port: 3480 }],
    recordsMax: 1,
    ...changes,
  };
}

/** Makes a relay that selection may choose. */
export function liveRelay(
  id: string,
  host: number,
  changes: Partial<Omit<LiveRelay, 'record'>> & { record?: Partial<RelayRecord> } = {},
): LiveRelay {
  return {
    load: IDLE,
    draining: false,
    confirmed: true,
    registry: { holds: () => true },
    registrySequence: 1,
    recordSequence: 1,
    doubts: NO_DOUBTS,
    ...changes,
    record: relayRecord(id, host, changes.record),
  };
}
