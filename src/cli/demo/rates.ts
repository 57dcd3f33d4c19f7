import type { DemoEvent, DirectionRates, DirectionTotals, Side, TrafficCounts } from './events.js';

const NOTHING: TrafficCounts = {
  elapsedMs: 0,
  sentPackets: 0,
  receivedPackets: 0,
  receivedBytes: 0,
  missingPackets: 0,
  rttMs: null,
};

type Counts = Readonly<Record<Side, TrafficCounts>>;

/** Computes the traffic of each direction from the counts of both peers. */
export class TrafficScore {
  readonly #waiting: Record<Side, TrafficCounts[]> = { A: [], B: [] };
  #last: Counts = { A: NOTHING, B: NOTHING };
  #second = 0;

  /**
   * Takes one peer's counts of a second.
   * @returns the traffic of that second if both peers' counts are known
   */
  add(side: Side, counts: TrafficCounts): Extract<DemoEvent, { event: 'traffic' }> | undefined {
    this.#waiting[side].push(counts);
    const [a, b] = [this.#waiting.A[0], this.#waiting.B[0]];
    if (a === undefined || b === undefined) return undefined;
    this.#waiting.A.shift();
    this.#waiting.B.shift();
    const last = this.#last;
    this.#last = { A: a, B: b };
    this.#second++;
    return {
      event: 'traffic',
      second: this.#second,
      aToB: received(last.B, b),
      bToA: received(last.A, a),
      rttMs: mean([a.rttMs, b.rttMs]),
    };
  }
}

/** Returns the totals of a demo whose peers have finished. */
export function summaryOf(counts: Counts): Extract<DemoEvent, { event: 'summary' }> {
  return {
    event: 'summary',
    seconds: Math.max(counts.A.elapsedMs, counts.B.elapsedMs) / 1_000,
    aToB: totals(counts.A, counts.B),
    bToA: totals(counts.B, counts.A),
  };
}

/** Returns the rates of a receiver between two counts. */
function received(from: TrafficCounts, to: TrafficCounts): DirectionRates {
  const seconds = (to.elapsedMs - from.elapsedMs) / 1_000;
  const packets = to.receivedPackets - from.receivedPackets;
  // Late packets of the second before reduce the count.
  const missing = Math.max(0, to.missingPackets - from.missingPackets);
  return {
    mbitPerSecond: perSecond(((to.receivedBytes - from.receivedBytes) * 8) / 1e6, seconds),
    packetsPerSecond: perSecond(packets, seconds),
    loss: share(missing, packets + missing),
  };
}

/** Counts packets as lost by the sender's count, which includes the last packets. */
function totals(sender: TrafficCounts, receiver: TrafficCounts): DirectionTotals {
  const { sentPackets } = sender;
  const { receivedPackets, receivedBytes } = receiver;
  const loss = share(Math.max(0, sentPackets - receivedPackets), sentPackets);
  return { sentPackets, receivedPackets, receivedBytes, loss };
}

function perSecond(amount: number, seconds: number): number {
  return seconds > 0 ? amount / seconds : 0;
}

function share(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}
