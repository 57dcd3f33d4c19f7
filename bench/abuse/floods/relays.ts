import { registrationKey, relayKeyPair, relaySecret } from '../../../src/auth/keys.js';
import type { RelayRecord } from '../../../src/registry/types.js';
import { CLUSTER_SECRET } from '../../setup/cluster.js';
import { FleetRelay } from '../fleet-relay.js';
import type { Attack, Flood, Target } from '../flood.js';

const START_MS = 3_000;
const CHANGES_MS = 250;
const REGIONS = 9;

interface Fleet {
  readonly name: string;
  /** Start of its unique local addresses (RFC 4193), at which there is no host. */
  readonly network: string;
  readonly count: number;
  /** Whether one of its relays changes its record repeatedly. */
  readonly changes: boolean;
}

/**
 * Returns a relay with a valid record. The addresses are IPv6, which the relays of the stage do not
 * have, so they do not probe it and do not report it as unreachable.
 */
function fleetRelay(
  directoryUrl: string,
  { name, network }: Fleet,
  index: number,
): [FleetRelay, RelayRecord] {
  const id = `${name}-${index}`;
  const secret = relaySecret(CLUSTER_SECRET, id);
  const address = `${network}::${(index + 1).toString(16)}`;
  const record = {
    id,
    region: `${name}-${index % REGIONS}`,
    start: Date.now(),
    publicKey: Buffer.from(relayKeyPair(secret).publicKey).toString('base64'),
    serviceAddresses: [{ address, port: 3_478 }],
    trunkAddresses: [{ address, port: 3_480 }],
    trunkSources: [{ address, port: 3_480 }],
    recordsMax: 1,
  };
  return [new FleetRelay({ directoryUrl, key: registrationKey(secret), record }), record];
}

/** Returns a flood of relays that start within three seconds; one of them may change its record. */
function begin(fleet: Fleet): Flood['begin'] {
  const { count, changes } = fleet;
  return async ({ directoryUrl }: Target, level: number): Promise<Attack> => {
    const relays = Array.from({ length: Math.max(1, Math.round(count * level)) }, (_, index) =>
      fleetRelay(directoryUrl, fleet, index),
    );
    const timers = relays.map(([relay]) =>
      setTimeout(() => void relay.run(), Math.random() * START_MS),
    );
    const [first] = relays;
    let round = 0;
    const changing =
      changes && first !== undefined
        ? setInterval(() => {
            round += 1;
            const [relay, record] = first;
            // The directory may refuse it.
            void relay.change({ ...record, recordsMax: 1 + (round % 60) }).catch(() => {});
          }, CHANGES_MS)
        : undefined;
    return {
      tally: () => ({
        sent: relays.reduce((sum, [{ sentBytes }]) => sum + sentBytes, 0),
        received: relays.reduce((sum, [{ receivedBytes }]) => sum + receivedBytes, 0),
      }),
      end: async () => {
        clearInterval(changing);
        for (const timer of timers) clearTimeout(timer);
        for (const [relay] of relays) relay.end();
      },
    };
  };
}

/** Floods of holders of relay secrets. */
export const RELAYS: readonly Flood[] = [
  {
    name: 'registrations',
    title: '1,022 relays that start within 3 s',
    attacked: 'directory',
    begin: begin({ name: 'fleet', network: 'fd00:1', count: 1_022, changes: false }),
  },
  {
    name: 'record-changes',
    title: 'one of 200 relays changes its record four times a second',
    attacked: 'directory',
    begin: begin({ name: 'changing', network: 'fd00:2', count: 200, changes: true }),
  },
];
