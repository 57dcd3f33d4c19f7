import type { BoundWatch } from '../logging/bound-watch.js';
import { MetricRegistry } from '../metrics/metric-registry.js';
import { TURN_METRICS } from '../metrics/turn-metrics.js';
import { type MeasuredPlane, showDataPlane } from '../native/data-plane-metrics.js';
import type { DataPlane } from '../native/types.js';
import { showAllocations } from './allocation-metrics.js';
import type { TurnCore } from './turn-core.js';

/** What is measured of a TURN server. */
export interface MeasuredTurnServer {
  readonly core: TurnCore;
  readonly plane: MeasuredPlane & Pick<DataPlane, 'steering'>;
  readonly bounds: BoundWatch;
}

/**
 * What a TURN server measures, as `TURN_METRICS` declares it. Labels are of bounded cardinality:
 * never a user or an address.
 */
export class TurnServerMetrics {
  readonly #registry = new MetricRegistry(TURN_METRICS, 'turn');

  constructor(measured: MeasuredTurnServer) {
    const { core, plane, bounds } = measured;
    showAllocations(this.#registry, core.turn, plane);
    this.#showClients(core);
    showDataPlane(this.#registry, 'turn', plane);
    this.#registry.value('turnpike_turn_draining', () => Number(core.draining));
    this.#registry.value('turnpike_turn_faults_total', () => core.faults);
    this.#registry.byLabel('turnpike_turn_bounds_met_total', () => bounds.counts());
    this.#registry.add(core.batchSeconds);
  }

  /** All metrics in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.text();
  }

  #showClients({ server, log }: TurnCore): void {
    const registry = this.#registry;
    const { client, authentication } = server.stats;
    registry.byLabel('turnpike_turn_client_messages_total', () => {
      const { requests, indications, malformed } = client;
      return { requests, indications, malformed };
    });
    registry.byLabel('turnpike_turn_client_drops_total', () => {
      const { over_binding_budget, over_challenge_budget, over_wrong_credential_budget } = client;
      const { binding_off } = client;
      return {
        ...{ over_binding_budget, over_challenge_budget, over_wrong_credential_budget },
        binding_off,
      };
    });
    registry.value('turnpike_turn_client_challenges_total', () => client.challenges);
    registry.byLabel('turnpike_turn_authentication_failures_total', () => authentication.entries());
    registry.byLabel('turnpike_turn_log_lines_omitted_total', () => log.omitted);
  }
}
