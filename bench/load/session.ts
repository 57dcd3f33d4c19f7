import { labSupport } from '../../src/lab/index.js';
import type { Choice } from './choice.js';
import { LoopbackScene } from './loopback-scene.js';
import { NamespaceScene } from './namespace-scene.js';
import { ProgressLine } from './progress.js';
import type { Omission, WorkloadResult } from './result.js';
import { type Effort, stepsOf, WorkloadRun } from './rounds.js';
import type { CpuPlan, Scene } from './scene.js';
import { setSegmentation } from './server-devices.js';
import type { Contestant, Workload } from './types.js';
import { onLoopback } from './workloads.js';

/** What a session measures, and with whom it speaks. */
export interface SessionOptions {
  readonly choice: Choice;
  readonly effort: Effort;
  readonly cpus: CpuPlan;
  /** Takes each line of progress. */
  readonly write: (line: string) => void;
  /** Measure on loopback although namespaces could be made. */
  readonly loopback?: boolean;
}

/** One run of the rig over all its workloads. */
export class Session {
  readonly #options: SessionOptions;
  readonly #scenes = new Map<number, Scene>();
  readonly #omissions: Omission[] = [];
  readonly #onLoopback: boolean;
  #closing: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#onLoopback = options.loopback === true || !labSupport().ok;
  }

  /** Where it measures. */
  get sceneKind(): Scene['kind'] {
    return this.#onLoopback ? 'loopback' : 'namespaces';
  }

  /** Workloads and contestants left out so far, and why. */
  get omissions(): readonly Omission[] {
    return this.#omissions;
  }

  /**
   * Measures every workload.
   * @param done - takes all results so far after each workload
   * @throws Error when one of the rig's programs fails; call `close` in any case
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
      results.push(await this.#measure(workload, contestants, progress));
      done(results);
    }
    return results;
  }

  async #measure(
    workload: Workload,
    contestants: readonly Contestant[],
    progress: ProgressLine,
  ): Promise<WorkloadResult> {
    const { effort } = this.#options;
    const scene = await this.#sceneFor(workload);
    if (scene.kind === 'namespaces') {
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
        this.#omissions.push({ what: `${contestant.title} in ${workload.name}`, why });
        present = present.filter((one) => one !== contestant);
        expect(stepsOf(effort, workload, present));
      },
    });
    const result = await run.run();
    // Those omitted took steps before they failed, and searches may have ended early.
    expect(taken);
    return result;
  }

  /** Ends every program and removes the namespaces. May be called at any time, and again. */
  close(): Promise<void> {
    this.#closing ??= Promise.all([...this.#scenes.values()].map((scene) => scene.close())).then(
      () => {},
    );
    return this.#closing;
  }

  /** The workloads with those who take part in each. */
  #plan(): { workload: Workload; contestants: Contestant[] }[] {
    const { workloads, contestants } = this.#options.choice;
    return workloads.flatMap((original) => {
      const workload = this.#onLoopback ? onLoopback(original) : original;
      if (this.#onLoopback && workload.leg === 'two-relays') {
        this.#omissions.push({ what: workload.title, why: 'it needs namespaces' });
        return [];
      }
      const fit = contestants.filter((one) => one.unfit(workload, this.sceneKind) === undefined);
      const worthIt = workload.rivals !== true || fit.some(({ kind }) => kind === 'rival');
      return worthIt ? [{ workload, contestants: fit }] : [];
    });
  }

  async #sceneFor(workload: Workload): Promise<Scene> {
    const servers = workload.leg === 'two-relays' ? 2 : 1;
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
