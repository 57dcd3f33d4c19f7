import { setTimeout as sleep } from 'node:timers/promises';
import { type ProcessUsage, readProcessUsage } from '../setup/usage.js';
import type { Flood } from './flood.js';
import type { FloodResult, Window } from './result.js';
import { Stage, type StageOptions } from './stage.js';

/** Length of a measurement. */
export interface Effort {
  /** Length of each of the two windows. */
  readonly seconds: number;
}

/** Time from the start of a flood to its measurement. */
const RAMP_MS = 500;
const SAMPLE_MS = 100;

/** Measures the peak memory and the CPU time of a process until `end`. */
class UsageWatch {
  readonly #pid: number;
  readonly #before: ProcessUsage;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #peakBytes: number;

  constructor(pid: number) {
    this.#pid = pid;
    this.#before = readProcessUsage(pid);
    this.#peakBytes = this.#before.residentBytes;
    this.#timer = setInterval(() => {
      this.#peakBytes = Math.max(this.#peakBytes, readProcessUsage(pid).residentBytes);
    }, SAMPLE_MS);
  }

  end(): { readonly peakBytes: number; readonly cpuShare: number } {
    clearInterval(this.#timer);
    const { processUs } = readProcessUsage(this.#pid);
    const elapsedUs = (performance.now() - this.#startedAt) * 1_000;
    const cpuShare = (processUs - this.#before.processUs) / elapsedUs;
    return { peakBytes: this.#peakBytes, cpuShare };
  }
}

/**
 * Measures the service without a flood and then with it, on a new stage.
 * @param onStage - called with the stage before it is opened, so that a signal can close it
 * @throws Error when a process does not start; one that dies under the flood is a result
 */
export async function measureFlood(
  flood: Flood,
  options: StageOptions & Effort,
  onStage: (stage: Stage) => void,
): Promise<FloodResult> {
  const stage = new Stage(options);
  onStage(stage);
  try {
    await stage.open();
    const quiet = await measureWindow(stage, flood, options);
    await stage.attacker.call('begin', { name: flood.name, target: stage.target, level: 1 });
    await sleep(RAMP_MS);
    const flooded = await measureWindow(stage, flood, options);
    const { name, title, attacked } = flood;
    const died = attackedProgram(stage, flood).isGone;
    return { name, title, attacked, died, quiet, flooded };
  } finally {
    await stage.close();
  }
}

function attackedProgram(stage: Stage, { attacked }: Flood) {
  return attacked === 'relay' ? stage.relays[0] : stage.directory;
}

/** Measures one window. A flood continues until the last set-up of the window has ended. */
async function measureWindow(stage: Stage, flood: Flood, { seconds }: Effort): Promise<Window> {
  const watch = new UsageWatch(attackedProgram(stage, flood).pid);
  const trunkBefore = await trunkBytes(stage);
  const tallyBefore = await stage.attacker.call('tally', undefined);
  await stage.victim.call('begin', undefined);
  await sleep(seconds * 1_000);
  const tally = await stage.attacker.call('tally', undefined);
  const trunk = (await trunkBytes(stage)) - trunkBefore;
  const usage = watch.end();
  const victim = await stage.victim.call('read', undefined);
  return {
    seconds,
    victim,
    ...usage,
    sentBytes: tally.sent - tallyBefore.sent,
    receivedBytes: tally.received - tallyBefore.received,
    trunkBytes: trunk,
  };
}

/** Returns the bytes that the attacked relay has sent on the trunk; 0 if its process has ended. */
async function trunkBytes(stage: Stage): Promise<number> {
  const sample = await stage.relays[0].call('sample', undefined).catch(() => undefined);
  return Number(sample?.counters.trunk_tx_bytes ?? 0);
}
