import { randomBytes } from 'node:crypto';
import benny from 'benny';
import { systemClock } from '../../src/clock.js';
import { RelayTable } from '../../src/directory/relay-table.js';
import type { PeerHints } from '../../src/directory/selection/score.js';
import { type Selection, selectRelays } from '../../src/directory/selection/select.js';
import { Snapshots } from '../../src/directory/snapshot.js';
import { report } from './report.js';

const RELAYS = [10, 100, 1_000];
const REGIONS = Array.from({ length: 20 }, (_, index) => `region-${index}`);
const LEGS_MAX = 10_000;

interface Fleet {
  readonly table: RelayTable;
  readonly snapshots: Snapshots;
}

/** Returns a table of relays with different loads that have all confirmed each other. */
function fleetOf(relays: number): Fleet {
  const table = new RelayTable(systemClock);
  const ids = Array.from({ length: relays }, (_, index) => `relay-${index}`);
  const loadOf = (index: number) => {
    const share = (index % 7) / 10;
    return { legs: share * LEGS_MAX, legsMax: LEGS_MAX, cpu: share, packetsPerSecond: 0 };
  };
  for (const [index, id] of ids.entries()) {
    const address = `10.0.${index >> 8}.${index & 255}`;
    const trunk = { address, port: 3480 };
    const record = {
      id,
      region: REGIONS[index % REGIONS.length] ?? '',
      start: 1,
      publicKey: randomBytes(32).toString('base64'),
      serviceAddresses: [{ address, port: 3478 }],
      trunkAddresses: [trunk],
      trunkSources: [trunk],
      recordsMax: 64,
    };
    table.register(record, { load: loadOf(index), draining: false });
  }
  const registryVersion = table.registry().version;
  for (const [index, id] of ids.entries()) {
    table.beat({ id, start: 1, registryVersion, load: loadOf(index), draining: false });
  }
  return { table, snapshots: new Snapshots(table) };
}

/** Returns the hints of a peer that has measured every region. @param near - its region's index */
function measuredFrom(near: number): PeerHints {
  const entries = REGIONS.map(
    (region, index) => [region, 5 + 10 * Math.abs(index - near)] as const,
  );
  return { address: '192.0.2.1', latencies: new Map(entries) };
}

/** Selects a pair of relays as the directory does for a connection. */
function select({ table, snapshots }: Fleet, peers: readonly [PeerHints, PeerHints]): Selection {
  const snapshot = snapshots.current();
  const load = table.localLoad.estimate(snapshot.relays);
  const selection = selectRelays({ snapshot, load, peers, random: Math.random });
  if (!selection.ok) throw new Error('no relay can serve');
  return selection;
}

/** Measures the selection of a pair of relays. */
export function benchSelection(): Promise<unknown> {
  const [ann, bob] = [measuredFrom(1), measuredFrom(8)];
  const bound = [
    { ...ann, region: 'region-1' },
    { ...bob, region: 'region-8' },
  ] as const;
  const cases = RELAYS.flatMap((relays) => {
    const fleet = fleetOf(relays);
    const of = `of ${relays} relays`;
    return [
      benny.add(`pair ${of}, peers without hints`, () => select(fleet, [{}, {}])),
      benny.add(`pair ${of}, latencies to every region`, () => select(fleet, [ann, bob])),
      benny.add(`pair ${of}, and a region for each peer`, () => select(fleet, bound)),
    ];
  });
  return benny.suite('Selection', ...cases, ...report());
}
