import { createHash } from 'node:crypto';
import { registrationKey, relayKeyPair, relaySecret } from '../../src/auth/keys.js';
import type { LiveRelay } from '../../src/directory/relay-table.js';
import type { RelayLoad, RelayRecord } from '../../src/registry/types.js';
import type { Clock } from '../../src/units.js';

/** The cluster secret of PROTOCOL.md section 7. */
export const CLUSTER_SECRET = Uint8Array.from({ length: 32 }, (_, index) => index);

export const API_KEY = 'key-of-default';
export const OTHER_API_KEY = 'key-of-acme';
export const API_KEYS = [
  { key: API_KEY, tenant: 'default' },
  { key: OTHER_API_KEY, tenant: 'acme' },
];

export const IDLE: RelayLoad = { legs: 0, legsMax: 1_000, cpu: 0, packetsPerSecond: 0 };

/** A clock that stands until it is told to go. */
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
}

export function keyOf(id: string): Uint8Array {
  return registrationKey(relaySecret(CLUSTER_SECRET, id));
}

/** A genuine record of a relay; each `host` has its own addresses. */
export function relayRecord(id: string, host: number, changes: Partial<RelayRecord> = {}) {
  const { publicKey } = relayKeyPair(relaySecret(CLUSTER_SECRET, id));
  const ip = `10.${host >> 16}.${(host >> 8) & 255}.${host & 255}`;
  return {
    id,
    region: id.split('-')[0] ?? id,
    start: 1_700_000_000_000,
    publicKey: Buffer.from(publicKey).toString('base64'),
    serviceAddresses: [{ address: ip, port: 3478 }],
    trunkAddresses: [{ address: ip, port: 3480 }],
    trunkSources: [{ address: ip, port: 3480 }],
    recordsMax: 1,
    ...changes,
  };
}

/** A relay that may be chosen, for selection. */
export function liveRelay(
  id: string,
  host: number,
  changes: Partial<LiveRelay> & { record?: Partial<RelayRecord> } = {},
): LiveRelay {
  return {
    load: IDLE,
    draining: false,
    confirmed: true,
    legsAssigned: 0,
    ...changes,
    record: relayRecord(id, host, changes.record),
  };
}

/** Uniform numbers in [0, 1) that follow from a seed. */
export function seededRandom(seed: string): () => number {
  let count = 0;
  return () => {
    count += 1;
    return createHash('sha256').update(`${seed}/${count}`).digest().readUInt32BE() / 2 ** 32;
  };
}
