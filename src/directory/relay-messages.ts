import type { Logger } from 'pino';
import type {
  ClaimResult,
  ReachabilityReport,
  RelayLoad,
  RelayRecord,
  RelaySite,
} from '../registry/types.js';
import type { Contests } from './claims/contests.js';
import { logClaims } from './claims/log-claims.js';
import type { LiveSelection } from './live-selection.js';
import type { MeasurementIntake } from './measurement-intake.js';
import type { DirectoryMetrics } from './metrics.js';
import type { ProberAppointments } from './prober-appointments.js';
import { logReachability } from './reachability/log-reachability.js';
import type { Reachability } from './reachability/reachability.js';
import type { RelayBeat, RelayTable } from './relay-table.js';
import type { Snapshots } from './snapshot.js';

/** An accepted message of a relay. */
export type RelayMessage =
  | {
      readonly kind: 'registered';
      readonly record: RelayRecord;
      /** Absent from a relay that does not say where it is. */
      readonly site?: RelaySite | undefined;
      readonly load: RelayLoad;
      readonly draining: boolean;
      /** Whether it has proved to be at its contested addresses. */
      readonly proved: boolean;
      /** Whether it takes changes of the registry, and not only all of it. */
      readonly takesChanges?: boolean | undefined;
      /** Absent from a relay that does not report reachability. */
      readonly reachability?: ReachabilityReport | undefined;
      /** Absent from a relay that makes no challenges. */
      readonly claims?: readonly ClaimResult[] | undefined;
    }
  | { readonly kind: 'beat'; readonly beat: RelayBeat }
  | { readonly kind: 'deregistered'; readonly id: string };

/** The state to which events are applied. */
export interface RelayMessageHandlerOptions {
  readonly relays: RelayTable;
  readonly snapshots: Snapshots;
  readonly live: LiveSelection;
  readonly reachability: Reachability;
  readonly probers: ProberAppointments;
  readonly contests: Contests;
  readonly measurements: MeasurementIntake;
  readonly metrics: DirectoryMetrics;
  readonly logger: Logger;
}

/** Applies relays' messages, and their silence, to the directory's state. */
export class RelayMessageHandler {
  readonly #options: RelayMessageHandlerOptions;

  constructor(options: RelayMessageHandlerOptions) {
    this.#options = options;
  }

  /**
   * Applies an accepted event.
   * @returns members for the answer: its sequence number, which the relay's next beat may name
   */
  apply(event: RelayMessage): { readonly sequence?: number } {
    const { relays, live, reachability, probers, contests, measurements, logger } = this.#options;
    switch (event.kind) {
      case 'registered': {
        const { record, site, load, draining, proved, takesChanges = false } = event;
        logger.info({ relay: record.id, start: record.start }, 'relay registered');
        if (relays.recordOf(record.id)?.start !== record.start) reachability.renewed(record.id);
        const state = { load, draining, proved, site, takesChanges };
        for (const id of relays.register(record, state)) this.#forget(id);
        measurements.place(record.id, record.region, site?.location);
        reachability.report(record.id, event.reachability);
        contests.report(record.id, event.claims);
        contests.taken(record.id);
        return { sequence: live.reported(record.id, load) };
      }
      case 'beat':
        relays.beat(event.beat);
        reachability.report(event.beat.id, event.beat.reachability);
        probers.heard(event.beat.id, event.beat.measurements !== undefined);
        contests.report(event.beat.id, event.beat.claims);
        measurements.report(event.beat.id, event.beat.measurements);
        return { sequence: live.reported(event.beat.id, event.beat.load, event.beat.after) };
      case 'deregistered':
        logger.info({ relay: event.id }, 'relay deregistered');
        relays.deregister(event.id);
        this.#forget(event.id);
        return {};
    }
  }

  #forget(id: string): void {
    this.#options.reachability.forget(id);
    this.#options.probers.forget(id);
    this.#options.contests.forget(id);
    this.#options.measurements.forget(id);
  }

  /**
   * Expires silent relays, ends contests and weighs reachability reports. To be called a few times
   * a second.
   * @param heardUntilMs - time up to which all received requests have been processed, monotonic ms
   */
  sweep(heardUntilMs: number): void {
    const { relays, snapshots, reachability, probers, contests, metrics, logger } = this.#options;
    for (const id of relays.sweep(heardUntilMs)) {
      metrics.relaysExpired.inc();
      logger.warn({ event: 'relay-expired', relay: id }, 'relay expired: no beat');
      this.#forget(id);
    }
    logClaims(contests.sweep(), logger);
    const changes = reachability.sweep(snapshots.current().relays);
    for (const { kind, doubt } of changes.doubts)
      if (kind === 'begins') metrics.doubts.inc({ doubt });
    probers.turn(snapshots.current().relays);
    logReachability(changes, (id) => relays.recordOf(id), logger);
  }
}
