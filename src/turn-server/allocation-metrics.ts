import type { MetricRegistry } from '../metrics/metric-registry.js';
import type { ALLOCATION_METRICS } from '../metrics/turn-metrics.js';
import type { DataPlane } from '../native/types.js';
import { LookupStats } from '../stun-server/user-lookups.js';
import type { Turn } from '../turn/index.js';
import { REFUSALS } from '../turn/refusals.js';

/** Adds what is measured of the allocations of a TURN usage, and of its calls of `authenticate`. */
export function showAllocations(
  registry: MetricRegistry<typeof ALLOCATION_METRICS>,
  turn: Turn,
  plane: Pick<DataPlane, 'steering'>,
): void {
  const { stats } = turn;
  registry.value('turnpike_turn_allocations', () => turn.allocations);
  registry.value('turnpike_turn_allocations_limit', () => turn.limits.allocationsMax);
  registry.byLabel('turnpike_turn_allocations_ended_total', () => stats.ended.entries());
  registry.byLabel('turnpike_turn_requests_total', () => stats.requests);
  registry.byLabels('turnpike_turn_refusals_total', () =>
    Array.from(stats.refusals.entries(), ([reason, count]) => [
      { code: String(REFUSALS[reason]), reason },
      count,
    ]),
  );
  registry.value('turnpike_turn_redirected_total', () => stats.redirected);
  registry.byLabel('turnpike_turn_ended_packets_total', () => ({
    from_clients: stats.traffic.packets_from_clients,
    to_clients: stats.traffic.packets_to_clients,
  }));
  registry.byLabel('turnpike_turn_ended_bytes_total', () => ({
    from_clients: stats.traffic.bytes_from_clients,
    to_clients: stats.traffic.bytes_to_clients,
  }));
  registry.value('turnpike_turn_icmp_errors_total', () => stats.icmp_errors);
  registry.value('turnpike_turn_steering', () => Number(plane.steering.mode === 'on'));
  showLookups(registry, turn);
}

function showLookups(
  registry: MetricRegistry<typeof ALLOCATION_METRICS>,
  { lookups }: Pick<Turn, 'lookups'>,
): void {
  const stats = lookups?.stats ?? new LookupStats();
  registry.byLabel('turnpike_turn_authenticate_calls_total', () => stats.results);
  registry.value('turnpike_turn_authenticate_joined_total', () => stats.joined);
  registry.value('turnpike_turn_authenticate_pending', () => lookups?.pending ?? 0);
}
