import type { NatBehaviour } from '../../lab/index.js';
import type { DemoEvent, DirectionTotals, PeerStep, Side } from './events.js';
import { bytes, count, milliseconds, percent, rate } from './numbers.js';
import type { Presenter } from './presenter.js';

export interface StoryTellerOptions {
  readonly write: (text: string) => void;
  /** Whether a line may be written over. */
  readonly isTerminal: boolean;
  readonly hasColours: boolean;
  /** Width of the terminal now. */
  readonly columns: () => number;
}

type Style = 'bold' | 'dim' | 'green' | 'red';

const SGR: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  green: [32, 39],
  red: [31, 39],
};

const LABEL_COLUMNS = 18;

type StepOf<E extends PeerStep['event']> = Extract<PeerStep, { event: E }>;
type Pair<T> = Partial<Record<Side, T>>;

/** Tells the demo to people: a line for each step, the path, then the traffic. */
export class StoryTeller implements Presenter {
  readonly #options: StoryTellerOptions;
  #nat: NatBehaviour | null = null;
  readonly #answers: Pair<StepOf<'answer'>> = {};
  readonly #nats: Pair<StepOf<'nat-address'>> = {};
  readonly #connects: Pair<StepOf<'connect'>> = {};
  readonly #established: Pair<StepOf<'established'>> = {};
  /** Whether the cursor stands on a line that will be written over. */
  #isOnLiveLine = false;

  constructor(options: StoryTellerOptions) {
    this.#options = options;
  }

  show(event: DemoEvent): void {
    switch (event.event) {
      case 'started':
        this.#nat = event.nat;
        return this.#line(`\n  ${this.#style('bold', 'Turnpike demo')}: ${titleOf(event.nat)}\n`);
      case 'network': {
        const made = `made in ${milliseconds(event.elapsedMs)}`;
        return this.#step('Network', `${event.hosts} hosts and two ${this.#nat} NATs, ${made}`);
      }
      case 'directory':
        return this.#step('Directory', event.url);
      case 'relay': {
        const { id, service, trunk } = event;
        return this.#step('Relay', `${id}: peers at ${service}, relays at ${trunk}`);
      }
      case 'waiting':
      case 'answer':
      case 'nat-address':
      case 'connect':
      case 'established':
        return this.#peerStep(event.peer, event);
      case 'traffic':
        return this.#live(trafficLine(event));
      case 'summary':
        return this.#summary(event);
      case 'failed':
        return this.#line(`  ${this.#style('red', '✗')} ${event.step} failed`);
    }
  }

  /** Each step is told once, when both peers have taken it. */
  #peerStep(side: Side, event: PeerStep): void {
    switch (event.event) {
      case 'waiting':
        return;
      case 'answer': {
        const pair = complete(this.#answers, side, event);
        if (pair === undefined) return;
        const connection = `(connection ${pair.A.connectionId.slice(0, 8)}…)`;
        const text = `A uses ${pair.A.relayId}, B uses ${pair.B.relayId}`;
        return this.#step('Directory answer', `${text} ${this.#style('dim', connection)}`);
      }
      case 'nat-address': {
        const pair = complete(this.#nats, side, event);
        if (pair === undefined) return;
        const label = this.#nat === null ? 'Addresses' : 'NAT addresses';
        return this.#step(label, `A is seen as ${pair.A.address}, B as ${pair.B.address}`);
      }
      case 'connect': {
        const pair = complete(this.#connects, side, event);
        if (pair === undefined) return;
        return this.#step(
          'Connect',
          `A names ${pair.A.peerAddress}, B names ${pair.B.peerAddress}`,
        );
      }
      case 'established': {
        const pair = complete(this.#established, side, event);
        if (pair === undefined) return;
        const elapsedMs = Math.max(pair.A.elapsedMs, pair.B.elapsedMs);
        this.#step('Established', `${milliseconds(elapsedMs)} after the directory's answer`);
        return this.#path(pair);
      }
    }
  }

  #path(peers: Record<Side, StepOf<'established'>>): void {
    const { A: a, B: b } = this.#answers;
    const { A: natA, B: natB } = this.#nats;
    if (a === undefined || b === undefined || natA === undefined || natB === undefined) return;
    const nat = (side: Side, step: StepOf<'nat-address'>) =>
      this.#nat === null ? [] : [[`NAT ${side}`, step.address]];
    const hops = [
      ['peer A', peers.A.local],
      ...nat('A', natA),
      [a.relayId, a.relay],
      [b.relayId, b.relay],
      ...nat('B', natB),
      ['peer B', peers.B.local],
    ];
    const rows = hops.map(([name = '', address = ''], index) => {
      const arrow = index === 0 ? ' ' : '↕';
      return `    ${this.#style('dim', arrow)} ${name.padEnd(LABEL_COLUMNS - 2)}${address}\n`;
    });
    this.#line(`\n${rows.join('')}`);
  }

  #summary(event: Extract<DemoEvent, { event: 'summary' }>): void {
    const direction = (name: string, totals: DirectionTotals) =>
      `    ${name}  ${count(totals.receivedPackets)} of ${count(totals.sentPackets)} packets, ` +
      `${bytes(totals.receivedBytes)}, loss ${percent(totals.loss)}`;
    this.#line(`\n  ${this.#style('bold', `In ${event.seconds.toFixed(1)} s`)}`);
    this.#line(direction('A → B', event.aToB));
    this.#line(`${direction('B → A', event.bToA)}\n`);
  }

  #step(label: string, text: string): void {
    this.#line(`  ${this.#style('green', '✓')} ${label.padEnd(LABEL_COLUMNS)}${text}`);
  }

  #line(text: string): void {
    this.#options.write(this.#isOnLiveLine ? `\n${text}\n` : `${text}\n`);
    this.#isOnLiveLine = false;
  }

  /** A line that the next one of its kind replaces, on a terminal. */
  #live(text: string): void {
    if (!this.#options.isTerminal) return this.#line(text);
    // A line that wraps could not be written over: carriage return goes back one row only.
    const fitting = text.slice(0, this.#options.columns() - 1);
    this.#options.write(`\r${fitting}\u001b[K`);
    this.#isOnLiveLine = true;
  }

  #style(style: Style, text: string): string {
    const [on, off] = SGR[style];
    return this.#options.hasColours ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  }
}

function titleOf(nat: NatBehaviour | null): string {
  return nat === null
    ? 'two peers talk through two relays, all on this host.'
    : `two peers behind ${nat} NATs talk through two relays.`;
}

function trafficLine(event: Extract<DemoEvent, { event: 'traffic' }>): string {
  const { aToB, bToA } = event;
  const loss = (aToB.loss + bToA.loss) / 2;
  const packets = aToB.packetsPerSecond + bToA.packetsPerSecond;
  return (
    `  ${String(event.second).padStart(3)} s  ` +
    `A→B ${rate(aToB.mbitPerSecond)}  B→A ${rate(bToA.mbitPerSecond)} Mbit/s  ` +
    `${count(packets)} packets/s  ` +
    `RTT ${event.rttMs === null ? '–' : milliseconds(event.rttMs)}  loss ${percent(loss)}`
  );
}

/** Notes one peer's step; the pair when the other has taken it too. */
function complete<T>(pair: Pair<T>, side: Side, step: T): Record<Side, T> | undefined {
  pair[side] = step;
  const { A, B } = pair;
  return A === undefined || B === undefined ? undefined : { A, B };
}
