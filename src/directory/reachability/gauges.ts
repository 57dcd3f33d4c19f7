import { Gauge, type Registry } from 'prom-client';
import { single } from '../../metrics/families.js';
import type { Snapshots } from '../snapshot.js';
import type { Reachability } from './reachability.js';

/**
 * Registers the reachability gauges of `/metrics`. A relay has a row only while a report is about
 * it, and at most one per kind. There are no rows for pairs.
 */
export function observeReachability(sources: {
  readonly snapshots: Snapshots;
  readonly reachability: Reachability;
  readonly registry: Registry;
}): void {
  const { snapshots, reachability, registry } = sources;
  const registers = [registry];
  new Gauge({
    name: 'turnpike_directory_relay_unreached_by',
    help: 'Relays that say they do not reach this one: its trunk, or any of its service addresses.',
    labelNames: ['relay', 'kind'] as const,
    registers,
    collect() {
      this.reset();
      for (const { record } of snapshots.current().relays) {
        const relay = record.id;
        const trunk = reachability.trunkSaid(relay);
        const service = record.serviceAddresses.map(
          (address) => reachability.serviceOf(relay, address).evidence.said,
        );
        if (trunk > 0) this.set({ relay, kind: 'trunk' }, trunk);
        const most = Math.max(0, ...service);
        if (most > 0) this.set({ relay, kind: 'service' }, most);
      }
    },
  });
  new Gauge({
    name: 'turnpike_directory_doubts',
    help: 'Relays and service addresses that are suspected or held unreachable.',
    labelNames: ['kind', 'doubt'] as const,
    registers,
    collect() {
      for (const kind of ['trunk', 'service']) {
        for (const doubt of ['suspected', 'unreachable']) this.set({ kind, doubt }, 0);
      }
      for (const { doubt, evidence } of reachability.doubts()) {
        this.inc({ kind: evidence.address === undefined ? 'trunk' : 'service', doubt });
      }
    },
  });
  const gauge = { type: Gauge, registry };
  single(
    gauge,
    'turnpike_directory_pairs_apart',
    'Pairs of relays of which one says that it does not reach the other.',
    () => reachability.countPairsApart(),
  );
  single(
    gauge,
    'turnpike_directory_verdicts_suspended',
    '1 while verdicts are against every relay and count for nothing.',
    () => (reachability.allCondemned ? 1 : 0),
  );
}
