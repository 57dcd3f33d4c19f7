/** The process of many peers. */
import { Load, type LoadOptions } from './load.js';
import { serve } from './rpc.js';
import type { WindowedResult } from './windowed.js';

let load: Load | undefined;

function opened(): Load {
  if (load === undefined) throw new Error('the load is not open');
  return load;
}

const methods = {
  async open(options: LoadOptions): Promise<void> {
    load = new Load(options);
    await load.challenge();
  },
  prepare(connections: number): void {
    opened().prepare(connections);
  },
  establish(window: number): Promise<WindowedResult> {
    return opened().establish(window);
  },
  close(window: number): Promise<WindowedResult> {
    return opened().close(window);
  },
  /** Returns the number of Closed indications since the last `close`. */
  closedIndications(): number {
    return opened().closedIndications;
  },
  async end(): Promise<void> {
    await opened().end();
  },
};

export type LoadMethods = typeof methods;

serve(methods);
