/** The process of the directory. */
import { Directory } from '../../src/directory/index.js';
import { CLUSTER_SECRET } from '../setup/cluster.js';
import { serve } from '../setup/rpc.js';
import { ATTACKER, VICTIM } from './tenants.js';
import { readVitals, type Vitals } from './vitals.js';

let directory: Directory | undefined;

const methods = {
  async open(): Promise<string> {
    directory = await Directory.open({
      listen: '127.0.0.1:0',
      clusterSecret: CLUSTER_SECRET,
      apiKeys: [VICTIM, ATTACKER],
    });
    return directory.url;
  },
  vitals(): Promise<Vitals> {
    if (directory === undefined) throw new Error('no directory is open');
    return readVitals(directory.metrics());
  },
  metrics(): Promise<string> {
    if (directory === undefined) throw new Error('no directory is open');
    return directory.metrics();
  },
  async close(): Promise<void> {
    await directory?.close();
  },
};

export type DirectoryMethods = typeof methods;

serve(methods);
