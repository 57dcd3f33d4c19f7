import { setTimeout as sleep } from 'node:timers/promises';
import { isTurnpikeError, messageOf, TurnpikeError } from '../../errors.js';
import type { NatBehaviour } from '../../lab/index.js';
import type { CommandIo } from '../command.js';
import type { Environment } from './environment.js';
import type { DemoEvent, PeerReport, Side, TrafficCounts } from './events.js';
import { openPresenter, type Presenter } from './presenter.js';
import { Progress } from './progress.js';
import { summaryOf, TrafficScore } from './rates.js';

/** What `turnpike demo` is given. */
export interface DemoOptions {
  /** The NATs in front of the peers; undefined runs everything on loopback. */
  readonly nat?: NatBehaviour | undefined;
  /** Seconds of traffic; undefined goes on until `stop`. */
  readonly seconds?: number | undefined;
  /** JSON lines instead of text. */
  readonly json: boolean;
}

/** The world of a demo. */
export interface DemoIo extends Pick<CommandIo, 'stdout' | 'env'> {
  /** Ends the demo in good order. */
  readonly stop: AbortSignal;
}

/** Peers that are not connected after this long will not be. */
const ESTABLISH_MS_MAX = 30_000;

/**
 * Runs the demo: a directory, two relays and two peers, whose traffic is shown until the time is
 * over or `io.stop` is aborted. Nothing is left behind, whatever happens.
 * @throws TurnpikeError ERR_TURNPIKE_PRIVILEGE when namespaces cannot be made; else that of the
 *   step that failed, with the step's name before its message
 */
export async function runDemo(options: DemoOptions, io: DemoIo): Promise<void> {
  const demo = new Demo(options, openPresenter(options.json, io), io.stop);
  // A reader that goes away (`turnpike demo | head`) ends the demo.
  const onGone = () => demo.end();
  io.stdout.once('error', onGone);
  try {
    await demo.run();
  } finally {
    io.stdout.off('error', onGone);
  }
}

class Demo {
  readonly #options: DemoOptions;
  readonly #presenter: Presenter;
  readonly #stop: AbortSignal;
  /** Aborted when the traffic is to end, for whatever reason. */
  readonly #over = new AbortController();
  readonly #progress = new Progress();
  readonly #score = new TrafficScore();
  readonly #finished: Partial<Record<Side, TrafficCounts>> = {};

  constructor(options: DemoOptions, presenter: Presenter, stop: AbortSignal) {
    this.#options = options;
    this.#presenter = presenter;
    this.#stop = stop;
  }

  /** Ends the traffic, and with it the demo. */
  end(): void {
    this.#over.abort();
  }

  async run(): Promise<void> {
    const onStop = () => this.end();
    this.#stop.addEventListener('abort', onStop);
    let environment: Environment | undefined;
    try {
      environment = await openEnvironment(this.#options.nat);
      this.#show({ event: 'started', nat: this.#options.nat ?? null });
      await Promise.race([environment.open((event) => this.#show(event)), this.#stopped()]);
      await this.#runPeers(environment);
      const { A, B } = this.#finished;
      if (A !== undefined && B !== undefined) this.#show(summaryOf({ A, B }));
    } catch (error) {
      // After a signal, children that end are no failure.
      if (!this.#stop.aborted) throw this.#failed(error);
    } finally {
      this.#stop.removeEventListener('abort', onStop);
      await environment?.close();
    }
  }

  /** Rejects when the user stops the demo. */
  #stopped(): Promise<never> {
    const error = new TurnpikeError('ERR_TURNPIKE_ABORTED', 'stopped');
    return new Promise((_resolve, reject) => {
      if (this.#stop.aborted) reject(error);
      this.#stop.addEventListener('abort', () => reject(error), { once: true });
    });
  }

  async #runPeers(environment: Environment): Promise<void> {
    const runPeer = (side: Side) => {
      const report = (heard: PeerReport) => this.#heard(side, heard);
      return environment.runPeer(side, { report, stop: this.#over.signal });
    };
    const peers = Promise.all([runPeer('A'), runPeer('B')]);
    try {
      await Promise.race([peers, environment.broken, this.#deadline()]);
    } finally {
      this.#over.abort();
      await peers.catch(() => {});
    }
  }

  /** Rejects when the peers take too long; resolves never, as peers that are connected run on. */
  async #deadline(): Promise<never> {
    await sleep(ESTABLISH_MS_MAX, undefined, { signal: this.#over.signal }).catch(() => {});
    if (this.#over.signal.aborted || this.#progress.step === 'Traffic') {
      return new Promise<never>(() => {});
    }
    const seconds = ESTABLISH_MS_MAX / 1_000;
    throw new TurnpikeError('ERR_TURNPIKE_TIMEOUT', `not done after ${seconds} s`);
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
      case 'failed':
        return;
      default:
        this.#show({ peer: side, ...report });
    }
  }

  #show(event: DemoEvent): void {
    this.#progress.note(event);
    this.#presenter.show(event);
  }

  /** Names the step in the error, and shows it to whoever reads the events. */
  #failed(error: unknown): unknown {
    if (isTurnpikeError(error, 'ERR_TURNPIKE_PRIVILEGE')) return error;
    const { step } = this.#progress;
    const code = isTurnpikeError(error) ? error.code : 'ERR_TURNPIKE_CLOSED';
    const message = messageOf(error);
    this.#show({ event: 'failed', step, code, message });
    return new TurnpikeError(code, `${step}: ${message}`, { cause: error });
  }
}

/** Loads only the environment that is asked for: only one of them needs the addon here. */
async function openEnvironment(nat: NatBehaviour | undefined): Promise<Environment> {
  if (nat === undefined) {
    const { LoopbackEnvironment } = await import('./loopback-environment.js');
    return new LoopbackEnvironment();
  }
  const { NamespaceEnvironment } = await import('./namespace-environment.js');
  return new NamespaceEnvironment(nat);
}
