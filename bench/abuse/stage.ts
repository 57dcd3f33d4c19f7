import type { CpuPlan } from '../load/scene.js';
import type { RelayMethods } from '../setup/relay-process.js';
import { Program } from '../setup/rpc.js';
import type { AttackerMethods } from './attacker-process.js';
import type { DirectoryMethods } from './directory-process.js';
import type { Target, TargetRelay } from './flood.js';
import { pinTo } from './pin.js';
import type { VictimMethods } from './victim-process.js';

const REGIONS = ['a', 'b'] as const;

/** Options of a stage. */
export interface StageOptions {
  readonly cpus: CpuPlan;
  readonly setUpsPerSecond: number;
  readonly echoesPerSecond: number;
  /** Data-plane threads of each relay. */
  readonly workers: number;
}

/**
 * A directory, two relays, genuine users and an attacker on loopback, each in its own process. If
 * there are two CPUs, the directory and the relays have one and the others have the second.
 */
export class Stage {
  readonly directory = new Program<DirectoryMethods>('../abuse/directory-process');
  readonly relays = REGIONS.map(() => new Program<RelayMethods>('relay-process')) as [
    Program<RelayMethods>,
    Program<RelayMethods>,
  ];
  readonly victim = new Program<VictimMethods>('../abuse/victim-process');
  readonly attacker = new Program<AttackerMethods>('../abuse/attacker-process');
  readonly #options: StageOptions;
  #target: Target | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: StageOptions) {
    this.#options = options;
  }

  /** The addresses of the service. @throws Error before `open` */
  get target(): Target {
    if (this.#target === undefined) throw new Error('the stage is not open');
    return this.#target;
  }

  /** All processes by name. */
  get programs() {
    const [a, b] = this.relays;
    const { directory, victim, attacker } = this;
    return { directory, 'relay-a': a, 'relay-b': b, victim, attacker };
  }

  /**
   * Starts all processes, and resolves when a genuine user has a connection.
   * @throws Error when one of them does not start
   */
  async open(): Promise<void> {
    const { workers, setUpsPerSecond, echoesPerSecond } = this.#options;
    const directoryUrl = await this.directory.call('open', undefined);
    const relays = await Promise.all(
      this.relays.map(async (relay, index): Promise<TargetRelay> => {
        const region = REGIONS[index] ?? '';
        const record = await relay.call('open', {
          id: `relay-${region}`,
          region,
          workers,
          directoryUrl,
          http: true,
        });
        const [service] = record.serviceAddresses;
        const [trunk] = record.trunkAddresses;
        const httpUrl = await relay.call('httpUrl', undefined);
        if (service === undefined || trunk === undefined || httpUrl === undefined) {
          throw new Error(`relay-${region} has no address`);
        }
        return { service, trunk, httpUrl };
      }),
    );
    this.#pin();
    this.#target = { directoryUrl, relays: relays as [TargetRelay, TargetRelay] };
    await this.victim.call('open', {
      directoryUrl,
      regions: REGIONS,
      setUpsPerSecond,
      echoesPerSecond,
    });
  }

  /** Ends every process. May be called at any time and repeatedly. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { attacker, victim, directory } = this;
    await Promise.all([attacker.end(), victim.end()]);
    await Promise.all([directory.end(), ...this.relays.map((relay) => relay.end())]);
  }

  #pin(): void {
    const { server, generator } = this.#options.cpus;
    pinTo(server, [this.directory.pid, ...this.relays.map(({ pid }) => pid)]);
    pinTo(generator, [this.victim.pid, this.attacker.pid]);
  }
}
