import t from 'tap';
import type { RelayRecord } from '../../src/registry/types.js';
import { relayHosts } from '../../src/relay/relay-hosts.js';

const record = (changes: Partial<RelayRecord>): RelayRecord => ({
  id: 'fra-1',
  region: 'fra',
  start: 1,
  publicKey: '',
  serviceAddresses: [],
  trunkAddresses: [],
  trunkSources: [],
  recordsMax: 1,
  ...changes,
});

t.test(
  'a relay’s address counts with any port, and a loopback address only with the registered one',
  async (t) => {
    const hosts = relayHosts([
      record({
        serviceAddresses: [
          { address: '192.0.2.10', port: 3478 },
          { address: '127.0.0.1', port: 3478 },
        ],
        trunkAddresses: [{ address: '192.0.2.10', port: 3480 }],
        trunkSources: [
          { address: '192.0.2.10', port: 3480 },
          { address: '::1', port: 40_000 },
        ],
      }),
      record({ id: 'nyc-1', serviceAddresses: [{ address: '2001:db8::1', port: 3478 }] }),
    ]);
    t.strictSame(hosts, [
      { address: '192.0.2.10', port: 0 },
      { address: '127.0.0.1', port: 3478 },
      { address: '::1', port: 40_000 },
      { address: '2001:db8::1', port: 0 },
    ]);
  },
);
