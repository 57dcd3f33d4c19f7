import type { Logger } from 'pino';
import { StrangerBudgets } from '../auth/stranger-budgets.js';
import { STRANGER_LIMITS } from '../auth/stranger-limits.js';
import type { Clock } from '../clock.js';
import { createHistogram } from '../metrics/histogram.js';
import { TURN_METRICS } from '../metrics/turn-metrics.js';
import type { DataPlane, DataPlaneBatch } from '../native/types.js';
import type { RandomBytes } from '../random.js';
import { type BindingAnswers, BindingUsage } from '../stun-server/binding-usage.js';
import type { NatDiscovery } from '../stun-server/nat-discovery.js';
import { ProvenClients } from '../stun-server/proven-clients.js';
import { type ServerContext, ServerStats } from '../stun-server/server-context.js';
import { StunServer } from '../stun-server/stun-server.js';
import { type Turn, TurnLog } from '../turn/index.js';
import { type TurnUsageSettings, turnUsage } from './turn-usage.js';

/** Dependencies of `TurnCore`. */
export interface TurnCoreOptions {
  readonly plane: DataPlane;
  readonly settings: TurnUsageSettings;
  /** Key of nonces, 32 bytes. */
  readonly nonceSecret: Uint8Array;
  /** Who gets an answer to a Binding request. Default: everybody. */
  readonly binding?: BindingAnswers | undefined;
  /** NAT behaviour discovery, where it is served. */
  readonly discovery?: NatDiscovery | undefined;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly logger: Logger;
}

/**
 * What a TURN server is composed of, over a given data plane, clock and source of randomness: no
 * socket and no timer. `TurnServer` drives it, and tests do with a data plane of their own.
 */
export class TurnCore {
  /** State shared by the usages of the client port. */
  readonly server: ServerContext;
  readonly turn: Turn;
  readonly log: TurnLog;
  /**
   * Number of internal errors in messages and timers; a value other than 0 deserves a bug report.
   */
  faults = 0;
  /** Whether new allocations are refused because the server is to stop. */
  draining = false;
  readonly batchSeconds = createHistogram(TURN_METRICS, 'turnpike_turn_batch_duration_seconds');
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stunServer: StunServer;

  constructor(options: TurnCoreOptions) {
    const { plane, settings, nonceSecret, clock, random, logger } = options;
    const { binding: answers, discovery } = options;
    const { challengesPerSecond: perSecond, challengesBurst: burst } = STRANGER_LIMITS;
    this.#clock = clock;
    this.#logger = logger;
    this.log = new TurnLog(clock, logger);
    this.server = {
      plane,
      budgets: new StrangerBudgets({ perSecond, burst, clock, random }),
      proven: new ProvenClients(plane, clock),
      stats: new ServerStats(),
      log: this.log,
    };
    const guarded = (action: () => void) => this.#guarded(action);
    this.turn = turnUsage(settings, {
      plane,
      server: this.server,
      nonceSecret,
      isDraining: () => this.draining,
      authenticatesBinding: answers === 'authenticated',
      guarded,
      clock,
      random,
      log: this.log,
    });
    const binding = new BindingUsage(this.server, this.turn, { answers, discovery });
    this.#stunServer = new StunServer(this.server, binding, [binding, this.turn]);
  }

  /** Processes a batch of the data plane. Never throws. */
  receive({ datagrams, events }: DataPlaneBatch): void {
    const since = this.#clock.monotonic();
    for (const datagram of datagrams) this.#guarded(() => this.#stunServer.receive(datagram));
    for (const event of events) this.#guarded(() => this.turn.event(event));
    this.batchSeconds.observe((this.#clock.monotonic() - since) / 1_000);
  }

  /**
   * Does what is due. To be called every 100 ms or so. Never throws.
   * @returns whether work is left for `goOn`
   */
  tick(): boolean {
    this.#guarded(() => this.server.proven.tick());
    this.#guarded(() => this.log.tick());
    return this.goOn();
  }

  /** Continues the work that `tick` left. Never throws. @returns as `tick` */
  goOn(): boolean {
    let more = false;
    this.#guarded(() => {
      more = this.turn.tick();
    });
    return more;
  }

  /** Contains an internal error: one message must not end the server. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.faults += 1;
      this.#logger.error({ err: error }, 'a fault of the TURN server itself');
    }
  }
}
