import type { Logger } from 'pino';
import type { Contests } from './claims/contests.js';
import { logClaims } from './claims/notices.js';
import type { DirectoryMetrics } from './metrics.js';
import { logReachability } from './reachability/notices.js';
import type { Reachability } from './reachability/reachability.js';
import type { RelayTable } from './relay-table.js';
import type { RelayFact } from './store/memory.js';

/** What facts are applied to. */
export interface RelayFactsOptions {
  readonly relays: RelayTable;
  readonly reachability: Reachability;
  readonly contests: Contests;
  readonly metrics: DirectoryMetrics;
  readonly logger: Logger;
}

/** Applies what relays say, and their silence, to what the directory knows of them. */
export class RelayFacts {
  readonly #options: RelayFactsOptions;

  constructor(options: RelayFactsOptions) {
    this.#options = options;
  }

  /** Takes a fact that some directory has accepted. */
  apply(fact: RelayFact): void {
    const { relays, reachability, contests, logger } = this.#options;
    switch (fact.kind) {
      case 'registered': {
        const { record, load, draining, proved } = fact;
        logger.info({ relay: record.id, start: record.start }, 'relay registered');
        if (relays.recordOf(record.id)?.start !== record.start) reachability.renewed(record.id);
        for (const id of relays.register(record, { load, draining, proved })) this.#forget(id);
        reachability.report(record.id, fact.reachability);
        contests.report(record.id, fact.claims);
        contests.taken(record.id);
        return;
      }
      case 'beat':
        relays.beat(fact.beat);
        reachability.report(fact.beat.id, fact.beat.reachability);
        contests.report(fact.beat.id, fact.beat.claims);
        return;
      case 'deregistered':
        logger.info({ relay: fact.id }, 'relay deregistered');
        relays.deregister(fact.id);
        this.#forget(fact.id);
    }
  }

  #forget(id: string): void {
    this.#options.reachability.forget(id);
    this.#options.contests.forget(id);
  }

  /**
   * To be called a few times a second: forgets silent relays, and weighs what the others say.
   * @param heardUntilMs - until when what has come was heard, by the monotonic clock
   */
  sweep(heardUntilMs: number): void {
    const { relays, reachability, contests, metrics, logger } = this.#options;
    for (const id of relays.sweep(heardUntilMs)) {
      metrics.relaysExpired.inc();
      logger.warn({ event: 'relay-expired', relay: id }, 'relay expired: no beat');
      this.#forget(id);
    }
    logClaims(contests.sweep(), logger);
    const changes = reachability.sweep(relays.live());
    for (const { kind, doubt } of changes.doubts)
      if (kind === 'begins') metrics.doubts.inc({ doubt });
    logReachability(changes, (id) => relays.recordOf(id), logger);
  }
}
