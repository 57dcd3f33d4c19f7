/** The process that sends the floods. */
import { serve } from '../setup/rpc.js';
import type { Attack, Tally, Target } from './flood.js';
import { floodOf } from './floods/index.js';

const attacks = new Map<string, Attack>();

/** Arguments of `begin`: a flood's name, its target, and its level as of `Flood.begin`. */
export interface Begin {
  readonly name: string;
  readonly target: Target;
  readonly level: number;
}

const methods = {
  async begin({ name, target, level }: Begin): Promise<void> {
    attacks.set(name, await floodOf(name).begin(target, level));
  },
  tally(): Tally {
    const all = [...attacks.values()].map((attack) => attack.tally());
    return {
      sent: all.reduce((sum, { sent }) => sum + sent, 0),
      received: all.reduce((sum, { received }) => sum + received, 0),
    };
  },
  async end(): Promise<void> {
    await Promise.all([...attacks.values()].map((attack) => attack.end()));
    attacks.clear();
  },
};

export type AttackerMethods = typeof methods;

serve(methods);
