/** The process of the relays. */
import { registrationKey, relayKeyPair, relaySecret } from '../../src/auth/keys.js';
import type { RelayRecord } from '../../src/registry/types.js';
import { CLUSTER_SECRET } from '../setup/cluster.js';
import { serve } from '../setup/rpc.js';
import { type FleetCounts, LightRelay } from './light-relay.js';

/** State of the fleet. */
export interface FleetState extends FleetCounts {
  readonly registered: number;
  /** Relays that have the version that most have. */
  readonly alike: number;
  /** Relays that have taken a version since `sinceMs`, and those that have confirmed it. */
  readonly taken: number;
  readonly confirmed: number;
}

const counts: FleetCounts = {
  registrations: 0,
  beats: 0,
  fetches: 0,
  failures: 0,
  receivedBytes: 0,
};
const relays: LightRelay[] = [];
let markedAtMs = 0;

function recordOf(index: number): { record: RelayRecord; key: Uint8Array } {
  const id = `r${index % 1_000}-${Math.floor(index / 1_000)}`;
  const secret = relaySecret(CLUSTER_SECRET, id);
  const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
  const record = {
    id,
    region: `r${index % 1_000}`,
    start: Date.now(),
    publicKey: Buffer.from(relayKeyPair(secret).publicKey).toString('base64'),
    serviceAddresses: [{ address, port: 3478 }],
    trunkAddresses: [{ address, port: 3480 }],
    trunkSources: [0, 1, 2].map((worker) => ({ address, port: 3480 + worker })),
    recordsMax: 32,
  };
  return { record, key: registrationKey(secret) };
}

const methods = {
  /** Starts further relays within a time. */
  begin({ port, count, withinMs }: { port: number; count: number; withinMs: number }): void {
    const first = relays.length;
    const added = Array.from({ length: count }, (_, at) => {
      const index = first + at;
      const localAddress = `127.${64 + (index >> 12)}.${(index >> 4) & 255}.${1 + (index & 15)}`;
      return new LightRelay({ ...recordOf(index), port, localAddress, counts });
    });
    relays.push(...added);
    for (const relay of added) relay.start(Math.random() * withinMs);
  },
  /** Counts versions from now on as new. */
  mark(): void {
    markedAtMs = performance.now();
  },
  state(): FleetState {
    const versions = new Map<string | null, number>();
    let [registered, taken, confirmed] = [0, 0, 0];
    for (const { isRegistered, version, versionAtMs, confirmedAtMs } of relays) {
      registered += isRegistered ? 1 : 0;
      versions.set(version, (versions.get(version) ?? 0) + 1);
      if (versionAtMs < markedAtMs) continue;
      taken += 1;
      confirmed += Number.isFinite(confirmedAtMs) ? 1 : 0;
    }
    versions.delete(null);
    return { ...counts, registered, alike: Math.max(0, ...versions.values()), taken, confirmed };
  },
};

export type FleetRelaysMethods = typeof methods;

serve(methods);
