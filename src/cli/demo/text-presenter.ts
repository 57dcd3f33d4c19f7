import type { NatBehaviour } from '../../lab/index.js';
import type { DemoEvent, DirectionTotals, PeerStep, Side } from './events.js';

export interface TextPresenterOptions {
  readonly write: (text: string) => void;
  /** Whether a line may be replaced. */
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

/** The steps of one peer by their events. */
type Steps = { [E in PeerStep['event']]?: Extract<PeerStep, { event: E }> };

/** Shows the demo as text: a line for each step, the path, then the traffic. */
export class TextPresenter {
  readonly #options: TextPresenterOptions;
  #nat: NatBehaviour | null = null;
  readonly #steps: Readonly<Record<Side, Steps>> = { A: {}, B: {} };
  /** Whether the cursor is on a line that the next one replaces. */
  #isOnLiveLine = false;

  constructor(options: TextPresenterOptions) {
    this.#options = options;
  }

  show(event: DemoEvent): void {
    switch (event.event) {
      case 'started': {
        this.#nat = event.nat;
        const title =
          event.nat === null
            ? 'two peers talk through two relays, all on this host.'
            : `two peers behind ${event.nat} NATs talk through two relays.`;
        return this.#line(`\n  ${this.#style('bold', 'Turnpike demo')}: ${title}\n`);
      }
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

  /** Shows each step once, when both peers have taken it. */
  #peerStep(side: Side, step: PeerStep): void {
    Object.assign(this.#steps[side], { [step.event]: step });
    const { A, B } = this.#steps;
    if (A[step.event] === undefined || B[step.event] === undefined) return;
    switch (step.event) {
      case 'answer': {
        const id = this.#style('dim', `(connection ${step.connectionId.slice(0, 8)}…)`);
        const text = `A uses ${A.answer?.relayId}, B uses ${B.answer?.relayId} ${id}`;
        return this.#step('Directory answer', text);
      }
      case 'nat-address': {
        const label = this.#nat === null ? 'Addresses' : 'NAT addresses';
        const [a, b] = [A['nat-address']?.address, B['nat-address']?.address];
        return this.#step(label, `A is seen as ${a}, B as ${b}`);
      }
      case 'connect': {
        const [a, b] = [A.connect?.peerAddress, B.connect?.peerAddress];
        return this.#step('Connect', `A names ${a}, B names ${b}`);
      }
      case 'established': {
        const elapsedMs = Math.max(...[A, B].map((steps) => steps.established?.elapsedMs ?? 0));
        this.#step('Established', `${milliseconds(elapsedMs)} after the directory's answer`);
        return this.#path();
      }
    }
  }

  #path(): void {
    const { A, B } = this.#steps;
    const nat = (side: Side) =>
      this.#nat === null ? [] : [[`NAT ${side}`, this.#steps[side]['nat-address']?.address]];
    const hops = [
      ['peer A', A.established?.local],
      ...nat('A'),
      [A.answer?.relayId, A.answer?.relay],
      [B.answer?.relayId, B.answer?.relay],
      ...nat('B'),
      ['peer B', B.established?.local],
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
      `${(totals.receivedBytes / 1e6).toFixed(1)} MB, loss ${percent(totals.loss)}`;
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

  /** Writes a line that the next one of its kind replaces on a terminal. */
  #live(text: string): void {
    if (!this.#options.isTerminal) return this.#line(text);
    // A carriage return goes back only one row, so a line must not wrap.
    const fitting = text.slice(0, this.#options.columns() - 1);
    this.#options.write(`\r${fitting}\u001b[K`);
    this.#isOnLiveLine = true;
  }

  #style(style: Style, text: string): string {
    const [on, off] = SGR[style];
    return this.#options.hasColours ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  }
}

function trafficLine(event: Extract<DemoEvent, { event: 'traffic' }>): string {
  const { aToB, bToA } = event;
  const loss = (aToB.loss + bToA.loss) / 2;
  const packets = aToB.packetsPerSecond + bToA.packetsPerSecond;
  return (
    `  ${String(event.second).padStart(3)} s  ` +
    `A→B ${aToB.mbitPerSecond.toFixed(1)}  B→A ${bToA.mbitPerSecond.toFixed(1)} Mbit/s  ` +
    `${count(packets)} packets/s  ` +
    `RTT ${event.rttMs === null ? '–' : milliseconds(event.rttMs)}  loss ${percent(loss)}`
  );
}

/** `4,000` */
function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `0.42 ms`, `123 ms`, `1.2 s` */
function milliseconds(value: number): string {
  if (value >= 1_000) return `${(value / 1_000).toFixed(1)} s`;
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

/** `0.00 %`, `12.5 %`, of a share from 0 to 1. */
function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 2 : 1)} %`;
}
