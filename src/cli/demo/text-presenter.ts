import type { NatBehaviour } from '../../lab/index.js';
import type { DemoEvent, DirectionTotals, PeerStep, Side } from './events.js';
import { bytes, count, milliseconds, percent, rate } from './numbers.js';

export interface TextPresenterOptions {
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

/** Tells the demo to people: a line for each step, the path, then the traffic. */
export class TextPresenter {
  readonly #options: TextPresenterOptions;
  #nat: NatBehaviour | null = null;
  /** What the peers told of their steps, by side and event. */
  readonly #told = new Map<string, PeerStep>();
  /** Whether the cursor stands on a line that will be written over. */
  #isOnLiveLine = false;

  constructor(options: TextPresenterOptions) {
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
  #peerStep(side: Side, step: PeerStep): void {
    this.#told.set(`${side} ${step.event}`, step);
    const answers = this.#both('answer', step);
    if (answers !== undefined) {
      const { A, B } = answers;
      const connection = this.#style('dim', `(connection ${A.connectionId.slice(0, 8)}…)`);
      this.#step('Directory answer', `A uses ${A.relayId}, B uses ${B.relayId} ${connection}`);
    }
    const nats = this.#both('nat-address', step);
    if (nats !== undefined) {
      const label = this.#nat === null ? 'Addresses' : 'NAT addresses';
      this.#step(label, `A is seen as ${nats.A.address}, B as ${nats.B.address}`);
    }
    const connects = this.#both('connect', step);
    if (connects !== undefined) {
      const { A, B } = connects;
      this.#step('Connect', `A names ${A.peerAddress}, B names ${B.peerAddress}`);
    }
    const ends = this.#both('established', step);
    if (ends !== undefined) {
      const elapsedMs = Math.max(ends.A.elapsedMs, ends.B.elapsedMs);
      this.#step('Established', `${milliseconds(elapsedMs)} after the directory's answer`);
      this.#path(ends.A.local, ends.B.local);
    }
  }

  /**
   * What both peers told of a step; undefined before both have taken it.
   * @param newest - where it is given, undefined as well unless it is of that step
   */
  #both<E extends PeerStep['event']>(
    event: E,
    newest?: PeerStep,
  ): Record<Side, StepOf<E>> | undefined {
    if (newest !== undefined && newest.event !== event) return undefined;
    const A = this.#told.get(`A ${event}`) as StepOf<E> | undefined;
    const B = this.#told.get(`B ${event}`) as StepOf<E> | undefined;
    return A === undefined || B === undefined ? undefined : { A, B };
  }

  #path(localA: string, localB: string): void {
    const relays = this.#both('answer');
    const nats = this.#both('nat-address');
    if (relays === undefined || nats === undefined) return;
    const nat = (side: Side) => (this.#nat === null ? [] : [[`NAT ${side}`, nats[side].address]]);
    const hops = [
      ['peer A', localA],
      ...nat('A'),
      [relays.A.relayId, relays.A.relay],
      [relays.B.relayId, relays.B.relay],
      ...nat('B'),
      ['peer B', localB],
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
