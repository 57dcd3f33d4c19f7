import { setTimeout as sleep } from 'node:timers/promises';
import { MetricsText } from '../abuse/metrics-text.js';
import { Program } from '../setup/rpc.js';
import type { DirectoryUse, FleetDirectoryMethods } from './directory-process.js';
import type { FleetRelaysMethods, FleetState } from './relays-process.js';

/** What the directory needs in one phase, and what the relays do in it. */
export interface Phase {
  readonly name: string;
  readonly seconds: number;
  /** CPU time as a share of one core. */
  readonly cpu: number;
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
  readonly residentBytes: number;
  readonly registrations: number;
  readonly beats: number;
  readonly fetches: number;
  readonly failures: number;
  readonly receivedBytes: number;
  /** Whether the phase ended by its condition, and not by its maximum time. */
  readonly isDone: boolean;
}

/** Time in which the relays start, ms for each relay. */
const START_MS_PER_RELAY = 1;
/** Time before the quiet phase: the first beats of a relay are faster. */
const EAGER_MS = 5_000;
const LOOK_MS = 100;
const REPORT_MS = 5_000;
const PHASE_SECONDS_MAX = 120;

/** Options of `Fleet`. */
export interface FleetOptions {
  readonly relays: number;
  /** Length of the quiet phase. */
  readonly seconds: number;
  /** Folder of the directory's checkout. */
  readonly checkout: string;
  /** Called with lines about the progress. */
  readonly write: (line: string) => void;
  /** Called with each phase. */
  readonly onPhase: (phase: Phase) => void;
}

/** Many relays in one process, and a directory in another. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #relays = new Program<FleetRelaysMethods>('../fleet/relays-process');
  #directory = new Program<FleetDirectoryMethods>('../fleet/directory-process');
  #port = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Starts the relays, leaves them alone, adds one, and restarts the directory. */
  async run(): Promise<void> {
    const { relays, seconds } = this.#options;
    await this.#open();
    await this.#begin(relays, relays * START_MS_PER_RELAY);
    await this.#phase('start', relays, (state) => this.#isSettled(state, relays));
    await sleep(EAGER_MS);
    await this.#phase('quiet', relays, (_, passed) => passed >= seconds);
    await this.#relays.call('mark', undefined);
    await this.#begin(1, 1);
    const all = relays + 1;
    await this.#phase('one new relay', all, ({ confirmed }) => confirmed === all);
    await this.#restart();
    await this.#phase('restart', all, (state) => this.#isSettled(state, all));
  }

  /** Ends both processes. */
  async end(): Promise<void> {
    await Promise.all([this.#relays.end(), this.#directory.end()]);
  }

  async #open(): Promise<void> {
    const { checkout } = this.#options;
    this.#port = await this.#directory.call('open', { checkout, port: this.#port });
  }

  /** Ends the directory's process and starts another one on the same port. */
  async #restart(): Promise<void> {
    await this.#directory.end();
    this.#directory = new Program('../fleet/directory-process');
    await this.#open();
  }

  async #begin(count: number, withinMs: number): Promise<void> {
    await this.#relays.call('begin', { port: this.#port, count, withinMs });
  }

  /** Returns whether all relays have one version and may be chosen. */
  async #isSettled({ registered, alike }: FleetState, all: number): Promise<boolean> {
    return registered === all && alike === all && (await this.#ready()) >= all;
  }

  /** Returns the number of relays that the directory lets be chosen. */
  async #ready(): Promise<number> {
    const metrics = new MetricsText(await this.#directory.call('metrics', undefined));
    return metrics.sum('turnpike_directory_relays', { state: 'ready' });
  }

  /**
   * Measures until a condition holds.
   * @param all - number of relays
   */
  async #phase(
    name: string,
    all: number,
    until: (state: FleetState, seconds: number) => boolean | Promise<boolean>,
  ): Promise<void> {
    const { write, onPhase } = this.#options;
    write(`${name} …`);
    const before = await this.#relays.call('state', undefined);
    await this.#directory.call('use', undefined);
    const since = performance.now();
    let isDone = false;
    let seconds = 0;
    let state = before;
    let reportAt = REPORT_MS;
    while (!isDone && seconds < PHASE_SECONDS_MAX) {
      await sleep(LOOK_MS);
      seconds = (performance.now() - since) / 1_000;
      state = await this.#relays.call('state', undefined);
      isDone = await until(state, seconds);
      if (1_000 * seconds < reportAt) continue;
      reportAt += REPORT_MS;
      write(`  ${seconds.toFixed(0)} s: ${progressText(state, all)}`);
    }
    const use = await this.#directory.call('use', undefined);
    onPhase({ name, seconds, isDone, ...useOf(use, seconds), ...countsOf(before, state) });
  }
}

function progressText({ registered, alike }: FleetState, all: number): string {
  return `${registered} of ${all} relays registered, ${alike} with the same registry`;
}

function useOf({ cpuSeconds, ...use }: DirectoryUse, seconds: number) {
  return { ...use, cpu: cpuSeconds / seconds };
}

function countsOf(before: FleetState, after: FleetState) {
  return {
    registrations: after.registrations - before.registrations,
    beats: after.beats - before.beats,
    fetches: after.fetches - before.fetches,
    failures: after.failures - before.failures,
    receivedBytes: after.receivedBytes - before.receivedBytes,
  };
}
