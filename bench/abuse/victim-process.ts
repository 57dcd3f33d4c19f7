/** The process of the genuine users. */
import { serve } from '../setup/rpc.js';
import { Victim, type VictimOptions, type VictimWindow } from './victim.js';

let victim: Victim | undefined;

function opened(): Victim {
  if (victim === undefined) throw new Error('the victim is not open');
  return victim;
}

const methods = {
  async open(options: VictimOptions): Promise<void> {
    victim = new Victim(options);
    await victim.open();
  },
  begin(): void {
    opened().begin();
  },
  read(): Promise<VictimWindow> {
    return opened().read();
  },
  async end(): Promise<void> {
    await victim?.end();
  },
};

export type VictimMethods = typeof methods;

serve(methods);
