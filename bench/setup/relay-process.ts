/** The process of a relay, with a clock that the measurement can advance. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { relaySecret } from '../../src/auth/keys.js';
import { type OperatorHttp, openOperatorHttp } from '../../src/http/operator-http.js';
import type { RelayRecord } from '../../src/registry/types.js';
import { Relay } from '../../src/relay/index.js';
import { readVitals, type Vitals } from '../abuse/vitals.js';
import { CLUSTER_SECRET, TENANT_ROOT } from './cluster.js';
import { serve } from './rpc.js';
import {
  type Memory,
  type ProcessorTime,
  readMemory,
  readProcessorTime,
  readSocketDrops,
} from './usage.js';

/** Options of a relay's process. */
export interface RelayProcessOptions {
  readonly id: string;
  readonly workers: number;
  readonly legsMax?: number;
  /** Default `here`. */
  readonly region?: string;
  /** The directory that it registers with; without one `introduce` gives it the relays. */
  readonly directoryUrl?: string;
  /** Whether it serves health and metrics like `turnpike relay --http`. */
  readonly http?: boolean;
}

/** CPU time, legs and counters of a relay. */
export interface RelaySample extends ProcessorTime {
  readonly legs: number;
  readonly counters: Readonly<Record<string, bigint>>;
  /** Maximum delay of the control thread's event loop since the last sample. */
  readonly stallMs: number;
  /** Datagrams that its sockets have dropped so far. */
  readonly socketDrops: number;
}

let relay: Relay | undefined;
let http: OperatorHttp | undefined;
let aheadMs = 0;
const delay = monitorEventLoopDelay({ resolution: 1 });

const clock = {
  now: () => Date.now(),
  monotonic: () => performance.now() + aheadMs,
};

const ANY_PORT = { address: '127.0.0.1', port: 0 };

function opened(): Relay {
  if (relay === undefined) throw new Error('no relay is open');
  return relay;
}

const methods = {
  async open(options: RelayProcessOptions): Promise<RelayRecord> {
    const { id, workers, legsMax, region = 'here', directoryUrl } = options;
    relay = await Relay.open({
      id,
      region,
      listen: ['127.0.0.1:0'],
      trunk: ['127.0.0.1:0'],
      relaySecret: relaySecret(CLUSTER_SECRET, id),
      tenantRoot: TENANT_ROOT,
      workers,
      legsMax,
      directoryUrl,
      clock,
    });
    if (options.http === true) http = await openOperatorHttp(ANY_PORT, relay);
    delay.enable();
    return relay.record;
  },
  httpUrl(): string | undefined {
    return http?.url;
  },
  introduce(relays: readonly RelayRecord[]): void {
    opened().update({ relays });
  },
  sample(): RelaySample {
    const stallMs = delay.max / 1e6;
    delay.reset();
    const { legs, serviceAddresses, record } = opened();
    const ports = [...serviceAddresses, ...record.trunkSources].map(({ port }) => port);
    const socketDrops = readSocketDrops(ports);
    return { ...readProcessorTime(), legs, counters: opened().counters(), stallMs, socketDrops };
  },
  legs(): number {
    return opened().legs;
  },
  memory(): Promise<Memory> {
    return readMemory();
  },
  vitals(): Promise<Vitals> {
    return readVitals(opened().metrics());
  },
  /** Advances the relay's monotonic clock. */
  advance(ms: number): void {
    aheadMs += ms;
  },
  async close(): Promise<void> {
    await http?.close();
    await opened().close();
  },
};

export type RelayMethods = typeof methods;

serve(methods);
