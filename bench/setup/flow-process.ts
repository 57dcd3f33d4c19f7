/** The process of the steady flow. */
import { Flow, type FlowOptions, type FlowWindow } from './flow.js';
import { serve } from './rpc.js';

let flow: Flow | undefined;

function opened(): Flow {
  if (flow === undefined) throw new Error('the flow is not open');
  return flow;
}

const methods = {
  async open(options: FlowOptions): Promise<void> {
    flow = new Flow(options);
    await flow.open();
  },
  begin(): void {
    opened().begin();
  },
  read(): Promise<FlowWindow> {
    return opened().read();
  },
  end(): void {
    opened().end();
  },
};

export type FlowMethods = typeof methods;

serve(methods);
