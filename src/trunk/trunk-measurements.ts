import type { DataPlane } from '../native/types.js';
import { MEASUREMENT_LIMITS } from '../registry/measurement-limits.js';
import type { TrunkMeasurement } from '../registry/types.js';
import type { RemoteRelay } from './remote-relay.js';
import type { TrunkQuality } from './trunk-quality.js';

/** Source of the relays whose trunks are measured. */
interface MeasuredRelays {
  all(): Iterable<Pick<RemoteRelay, 'id' | 'relayIndex' | 'quality'>>;
}

/** Reports of the trunks that are measured, for the directory (docs/registration.md). */
export class TrunkMeasurements {
  readonly #relays: MeasuredRelays;
  readonly #plane: Pick<DataPlane, 'remoteRelayTraffic'>;
  /** Those of the last report. */
  #told: TrunkQuality[] = [];
  /** Number of the report that has reached the directory last, by trunk. */
  readonly #turns = new WeakMap<TrunkQuality, number>();
  #turn = 0;

  constructor(relays: MeasuredRelays, plane: Pick<DataPlane, 'remoteRelayTraffic'>) {
    this.#relays = relays;
    this.#plane = plane;
  }

  /**
   * Returns what was measured since the last report that `delivered` has confirmed: of at most
   * `MEASUREMENT_LIMITS.entriesMax` trunks, the least recently reported ones.
   */
  report(): TrunkMeasurement[] {
    const due: { relay: string; quality: TrunkQuality; turn: number }[] = [];
    for (const { id, relayIndex, quality } of this.#relays.all()) {
      if (quality === undefined) continue;
      quality.records(this.#plane.remoteRelayTraffic(relayIndex));
      if (!quality.hasNews) continue;
      due.push({ relay: id, quality, turn: this.#turns.get(quality) ?? 0 });
    }
    due.sort((a, b) => a.turn - b.turn);
    this.#told = [];
    return due.slice(0, MEASUREMENT_LIMITS.entriesMax).flatMap(({ relay, quality }) => {
      const measured = quality.report();
      this.#told.push(quality);
      return measured === undefined ? [] : [rounded({ relay, ...measured })];
    });
  }

  /** Confirms that the last report has reached the directory. */
  delivered(): void {
    this.#turn += 1;
    for (const quality of this.#told) {
      quality.delivered();
      this.#turns.set(quality, this.#turn);
    }
    this.#told = [];
  }
}

/** Rounds to 1 µs and 0.001 %, and limits, to what a report has. */
function rounded({ relay, rtt, jitter, loss, count }: TrunkMeasurement): TrunkMeasurement {
  const { roundTripMsMax, countMax } = MEASUREMENT_LIMITS;
  const ms = (value: number) => Math.min(Math.round(value * 1e3) / 1e3, roundTripMsMax);
  const share = (value: number | null) => (value === null ? null : Math.round(value * 1e5) / 1e5);
  return {
    relay,
    rtt: ms(rtt),
    jitter: ms(jitter),
    loss: [share(loss[0]), share(loss[1])],
    count: Math.min(count, countMax),
  };
}
