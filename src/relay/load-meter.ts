import { availableParallelism } from 'node:os';
import type { Clock } from '../clock.js';
import type { DataPlane } from '../native/types.js';
import type { LegTable } from '../overlay/leg-table.js';
import type { RelayLoad, TurnLoad } from '../registry/types.js';
import type { Turn } from '../turn/index.js';

/** What tells how busy TURN is. */
type ServedLoad = Pick<Turn, 'allocations' | 'limits'>;

function turnLoad({ allocations, limits: { allocationsMax } }: ServedLoad): TurnLoad {
  return { allocations, allocationsMax };
}

/** Measures this relay's load between two reads. */
export class LoadMeter {
  readonly #plane: Pick<DataPlane, 'counters'>;
  readonly #legs: LegTable;
  readonly #clock: Clock;
  readonly #turn: ServedLoad | undefined;
  #at: number;
  #cpu = process.cpuUsage();
  #packets: bigint;

  /** @param turn - the TURN that tenants' users are served; undefined without it */
  constructor(
    plane: Pick<DataPlane, 'counters'>,
    legs: LegTable,
    clock: Clock,
    turn: ServedLoad | undefined,
  ) {
    this.#turn = turn;
    this.#plane = plane;
    this.#legs = legs;
    this.#clock = clock;
    this.#at = clock.monotonic();
    this.#packets = this.#received();
  }

  /** Returns the load since the last read. CPU is a share of all processors of the host, 0 to 1. */
  read(): RelayLoad {
    const now = this.#clock.monotonic();
    const seconds = Math.max((now - this.#at) / 1_000, 0.001);
    const { user, system } = process.cpuUsage(this.#cpu);
    const packets = this.#received();
    const load = {
      legs: this.#legs.size,
      legsMax: this.#legs.legsMax,
      cpu: Math.min((user + system) / 1e6 / seconds / availableParallelism(), 1),
      packetsPerSecond: Math.max(Number(packets - this.#packets) / seconds, 0),
      ...(this.#turn && { turn: turnLoad(this.#turn) }),
    };
    this.#at = now;
    this.#cpu = process.cpuUsage();
    this.#packets = packets;
    return load;
  }

  #received(): bigint {
    const { client_rx_packets, trunk_rx_packets } = this.#plane.counters();
    return client_rx_packets + trunk_rx_packets;
  }
}
