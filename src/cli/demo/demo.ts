import { isTurnpikeError, messageOf, TurnpikeError } from '../../errors.js';
import type { NatBehaviour } from '../../lab/index.js';
import type { CommandIo } from '../command.js';
import { aborted } from '../signals.js';
import type { Environment } from './environment.js';
import type { DemoEvent, PeerReport, Side, TrafficCounts } from './events.js';
import { Progress } from './progress.js';
import { summaryOf, TrafficScore } from './rates.js';
import { TextPresenter } from './text-presenter.js';

export interface DemoOptions {
  /** The NATs of the peers; undefined runs everything on loopback. */
  readonly nat?: NatBehaviour | undefined;
  /** Duration of the traffic; undefined continues until `stop`. */
  readonly seconds?: number | undefined;
  /** JSON lines instead of text. */
  readonly json: boolean;
}

export interface DemoIo extends Pick<CommandIo, 'stdout' | 'env'> {
  /** Ends the demo in good order. */
  readonly stop: AbortSignal;
}

/** Maximum time for the peers to connect. */
const ESTABLISH_MS_MAX = 30_000;

/**
 * Runs the demo: a directory, two relays and two peers, whose traffic is shown until the time is
 * over or `io.stop` is aborted. Everything is closed at its end, also after an error.
 * @throws TurnpikeError ERR_TURNPIKE_PRIVILEGE when namespaces cannot be made; else that of the
 *   step that failed, with the step's name before its message
 */
export async function runDemo(options: DemoOptions, io: DemoIo): Promise<void> {
  const demo = new Demo(options, presenterOf(options, io));
  const end = () => demo.end();
  // A reader that goes away (`turnpike demo | head`) ends the demo.
  io.stdout.once('error', end);
  io.stop.addEventListener('abort', end);
  try {
    await demo.run(io.stop);
  } finally {
    io.stdout.off('error', end);
    io.stop.removeEventListener('abort', end);
  }
}

class Demo {
  readonly #options: DemoOptions;
  readonly #present: (event: DemoEvent) => void;
  /** Aborted at the end of the traffic, whatever its reason. */
  readonly #over = new AbortController();
  readonly #progress = new Progress();
  readonly #score = new TrafficScore();
  readonly #finished: Partial<Record<Side, TrafficCounts>> = {};

  constructor(options: DemoOptions, present: (event: DemoEvent) => void) {
    this.#options = options;
    this.#present = present;
  }

  /** Ends the traffic, and with it the demo. */
  end(): void {
    this.#over.abort();
  }

  async run(stop: AbortSignal): Promise<void> {
    let environment: Environment | undefined;
    try {
      environment = await openEnvironment(this.#options.nat);
      this.#show({ event: 'started', nat: this.#options.nat ?? null });
      await Promise.race([environment.open((event) => this.#show(event)), aborted(stop)]);
      if (stop.aborted) return;
      await this.#runPeers(environment);
      const { A, B } = this.#finished;
      if (A !== undefined && B !== undefined) this.#show(summaryOf({ A, B }));
    } catch (error) {
      // A signal to the process group ends the children too, which is no failure.
      if (!stop.aborted) throw this.#failed(error);
    } finally {
      await environment?.close();
    }
  }

  async #runPeers(environment: Environment): Promise<void> {
    const runPeer = (side: Side) => {
      const report = (heard: PeerReport) => this.#heard(side, heard);
      return environment.runPeer(side, { report, stop: this.#over.signal });
    };
    const peers = Promise.all([runPeer('A'), runPeer('B')]);
    let deadline: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      deadline = setTimeout(() => this.#checkConnected(reject), ESTABLISH_MS_MAX);
    });
    try {
      await Promise.race([peers, environment.broken, late]);
    } finally {
      clearTimeout(deadline);
      this.end();
      await peers.catch(() => {});
    }
  }

  #checkConnected(fail: (error: Error) => void): void {
    if (this.#progress.step === 'Traffic') return;
    const text = `not done after ${ESTABLISH_MS_MAX / 1_000} s`;
    fail(new TurnpikeError('ERR_TURNPIKE_TIMEOUT', text));
  }

  #heard(side: Side, report: PeerReport): void {
    switch (report.event) {
      case 'counts': {
        const traffic = this.#score.add(side, report.counts);
        if (traffic === undefined || this.#over.signal.aborted) return;
        this.#show(traffic);
        if (traffic.second === this.#options.seconds) this.end();
        return;
      }
      case 'finished':
        this.#finished[side] = report.counts;
        return;
      default:
        this.#show({ peer: side, ...report });
    }
  }

  #show(event: DemoEvent): void {
    this.#progress.note(event);
    this.#present(event);
  }

  /** Shows the failure, and returns the error with the name of the step. */
  #failed(error: unknown): unknown {
    if (isTurnpikeError(error, 'ERR_TURNPIKE_PRIVILEGE')) return error;
    const { step } = this.#progress;
    const code = isTurnpikeError(error) ? error.code : 'ERR_TURNPIKE_CLOSED';
    const message = messageOf(error);
    this.#show({ event: 'failed', step, code, message });
    return new TurnpikeError(code, `${step}: ${message}`, { cause: error });
  }
}

/**
 * Returns what shows events on standard output: JSON lines, or text, with colours and one updating
 * line on a terminal. NO_COLOR (no-color.org) and TERM are read from the environment.
 */
function presenterOf({ json }: DemoOptions, { stdout, env }: DemoIo) {
  const write = (text: string) => void stdout.write(text);
  if (json) return (event: DemoEvent) => write(`${JSON.stringify(event)}\n`);
  const isTerminal = stdout.isTTY === true && env.TERM !== 'dumb';
  const hasColours = isTerminal && (env.NO_COLOR ?? '') === '';
  const columns = () => stdout.columns ?? 80;
  const presenter = new TextPresenter({ write, isTerminal, hasColours, columns });
  return (event: DemoEvent) => presenter.show(event);
}

/** Loads only the environment that is asked for: namespaces do not need the addon here. */
async function openEnvironment(nat: NatBehaviour | undefined): Promise<Environment> {
  if (nat === undefined) {
    const { LoopbackEnvironment } = await import('./loopback-environment.js');
    return new LoopbackEnvironment();
  }
  const { NamespaceEnvironment } = await import('./namespace-environment.js');
  return new NamespaceEnvironment(nat);
}
