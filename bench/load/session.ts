import { labSupport } from '../../src/lab/index.js';
import type { Choice } from './choice.js';
import { CleanUp } from './clean-up.js';
import { isTurnLeg } from './contestants/turn-server.js';
import { LoopbackScene } from './loopback-scene.js';
import { NamespaceScene } from './namespace-scene.js';
import { ProgressLine } from './progress.js';
import type { Omission, WorkloadResult } from './result.js';
import { type Effort, stepsOf, WorkloadRun } from './rounds.js';
import type { CpuPlan, Scene } from './scene.js';
import { ethtoolObstacle, setSegmentation } from './server-devices.js';
import { turnClientObstacle } from './turn-client-tool.js';
import type { Contestant, Workload } from './types.js';
import { onLoopback } from './workloads.js';

/** Options of a session. */
export interface SessionOptions {
  readonly choice: Choice;
  readonly effort: Effort;
  readonly cpus: CpuPlan;
  /** Called with each line of progress. */
  readonly write: (line: string) => void;
  /** Whether to measure on loopback even if namespaces could be created. */
  readonly loopback?: boolean;
}

/** A run over all chosen workloads. */
export class Session {
  readonly #options: SessionOptions;
  readonly #scenes = new Map<number, Scene>();
  readonly #omissions: Omission[] = [];
  readonly #onLoopback: boolean;
  /** Whether segmentation can be turned off and on. veth devices have it on by default. */
  readonly #ethtool = ethtoolObstacle() === undefined;
  #closing: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    const support = labSupport();
    this.#onLoopback = options.loopback === true || !support.ok;
    if (options.loopback !== true && !support.ok) {
      options.write(`Measuring on loopback, which only indicates: ${support.why}`);
    }
  }

  /** The kind of its scenes. */
  get sceneKind(): Scene['kind'] {
    return this.#onLoopback ? 'loopback' : 'namespaces';
  }

  /** Workloads and contestants left out so far, and why. */
  get omissions(): readonly Omission[] {
    return this.#omissions;
  }

  /**
   * Measures every workload.
   * @param done - called after each workload with all results so far
   * @returns all results
   * @throws Error when the session was closed meanwhile; call `close` in any case
   */
  async run(done: (results: readonly WorkloadResult[]) => void): Promise<WorkloadResult[]> {
    const plan = this.#plan();
    const { effort } = this.#options;
    const total = plan.reduce(
      (sum, { workload, contestants }) => sum + stepsOf(effort, workload, contestants),
      0,
    );
    const progress = new ProgressLine(total, this.#options.write, () => performance.now());
    const results: WorkloadResult[] = [];
    for (const { workload, contestants } of plan) {
      try {
        results.push(await this.#measure(workload, contestants, progress));
      } catch (error) {
        // Contestants' failures are handled in WorkloadRun, so the scene has failed.
        this.#omit(workload.title, (error as Error).message);
        progress.skip(stepsOf(effort, workload, contestants));
      }
      done(results);
    }
    return results;
  }

  /**
   * Notes and prints that a workload or contestant is left out.
   * @throws Error when the session was closed, which is the cause then
   */
  #omit(what: string, why: string): void {
    if (this.#closing !== undefined) throw new Error(`the run was ended: ${why}`);
    this.#omissions.push({ what, why });
    this.#options.write(`left out: ${what}: ${why}`);
  }

  async #measure(
    workload: Workload,
    contestants: readonly Contestant[],
    progress: ProgressLine,
  ): Promise<WorkloadResult> {
    const { effort } = this.#options;
    const scene = await this.#sceneFor(workload);
    if (scene.kind === 'namespaces' && this.#ethtool) {
      await setSegmentation(scene, workload.segmentation !== false);
    }
    let present = contestants;
    let expected = stepsOf(effort, workload, present);
    const expect = (steps: number) => {
      progress.skip(expected - steps);
      expected = steps;
    };
    let taken = 0;
    const run = new WorkloadRun(scene, workload, contestants, {
      effort,
      progress: (what) => {
        taken++;
        progress.step(what);
      },
      omit: (contestant, why) => {
        this.#omit(`${contestant.title} in ${workload.name}`, why);
        present = present.filter((one) => one !== contestant);
        expect(stepsOf(effort, workload, present));
      },
    });
    const result = await run.run();
    // Omitted contestants took steps before they failed, and searches may have ended early.
    expect(taken);
    return result;
  }

  /** Ends every program and removes the namespaces. May be called at any time and repeatedly. */
  close(): Promise<void> {
    this.#closing ??= this.#closeScenes();
    return this.#closing;
  }

  async #closeScenes(): Promise<void> {
    const cleanUp = new CleanUp();
    for (const scene of this.#scenes.values()) cleanUp.onEnd(() => scene.close());
    await cleanUp.run();
  }

  /** Returns the workloads with their contestants. */
  #plan(): { workload: Workload; contestants: Contestant[] }[] {
    const { workloads, contestants } = this.#options.choice;
    return workloads.flatMap((original) => {
      const workload = this.#onLoopback ? onLoopback(original) : original;
      const why = this.#unfit(workload);
      if (why !== undefined) {
        this.#omit(workload.title, why);
        return [];
      }
      const fit = contestants.filter((one) => one.unfit(workload, this.sceneKind) === undefined);
      const worthIt = workload.rivals !== true || fit.some(({ kind }) => kind === 'rival');
      return worthIt ? [{ workload, contestants: fit }] : [];
    });
  }

  /** Returns why no contestant can be measured in a workload; undefined if they can. */
  #unfit({ leg, segmentation }: Workload): string | undefined {
    const isTurn = isTurnLeg(leg);
    if (this.#onLoopback) {
      return isTurn || leg === 'two-relays' ? 'it needs namespaces' : undefined;
    }
    if (isTurn) return turnClientObstacle();
    return segmentation === false ? ethtoolObstacle() : undefined;
  }

  #sceneFor({ leg }: Workload): Promise<Scene> {
    return this.scene(leg === 'two-relays' ? 2 : 1);
  }

  /**
   * Returns the scene with a number of servers. It is removed by `close`.
   * @throws TurnpikeError ERR_TURNPIKE_PRIVILEGE if namespaces cannot be created
   */
  async scene(servers: number): Promise<Scene> {
    const known = this.#scenes.get(servers);
    if (known !== undefined) return known;
    const { cpus } = this.#options;
    const scene = this.#onLoopback
      ? new LoopbackScene(cpus)
      : await NamespaceScene.create(cpus, servers);
    if (this.#closing !== undefined) await scene.close();
    this.#scenes.set(servers, scene);
    return scene;
  }
}
