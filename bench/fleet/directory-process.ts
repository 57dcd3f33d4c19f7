/** The process of the directory. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type * as DirectoryModule from '../../src/directory/index.js';
import { CLUSTER_SECRET } from '../setup/cluster.js';
import { serve } from '../setup/rpc.js';

/** API key of the measurement. */
const API_KEY = 'the-key-of-the-fleet-bench';

/** What the directory's process has used since the last look. */
export interface DirectoryUse {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Delay of the event loop, ms. */
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
}

const delay = monitorEventLoopDelay({ resolution: 1 });
let cpu = process.cpuUsage();
let directory: DirectoryModule.Directory | undefined;

const methods = {
  /** Opens the directory of a checkout. @returns its port */
  async open({ checkout, port }: { checkout: string; port: number }): Promise<number> {
    const url = new URL(`${checkout}/src/directory/index.ts`, 'file:');
    const { Directory } = (await import(url.href)) as typeof DirectoryModule;
    directory = await Directory.open({
      listen: { address: '127.0.0.1', port },
      clusterSecret: CLUSTER_SECRET,
      apiKeys: [{ key: API_KEY, tenant: 'default' }],
    });
    delay.enable();
    return directory.address.port;
  },
  /** Returns what the process has used since the last call. */
  use(): DirectoryUse {
    const { user, system } = process.cpuUsage(cpu);
    cpu = process.cpuUsage();
    const ms = (ns: number) => ns / 1e6;
    const use = {
      cpuSeconds: (user + system) / 1e6,
      residentBytes: process.memoryUsage.rss(),
      delayP50Ms: ms(delay.percentile(50)),
      delayP99Ms: ms(delay.percentile(99)),
      delayMaxMs: ms(delay.max),
    };
    delay.reset();
    return use;
  },
  async metrics(): Promise<string> {
    return (await directory?.metrics()) ?? '';
  },
};

export type FleetDirectoryMethods = typeof methods;

serve(methods);
