/**
 * Runs a data plane with flows by formula. The first argument is a `TurnpikeSpec` as JSON. Prints
 * `ready` when every flow is added, and the counters at the end.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { utcDay } from '../../../src/auth/keys.js';
import { TurnpikeError } from '../../../src/errors.js';
import { openDataPlane } from '../../../src/native/index.js';
import { listenerHandle } from '../../../src/native/transport-handle.js';
import type {
  ClientAction,
  DataPlane,
  DataPlaneOptions,
  FiveTuple,
} from '../../../src/native/types.js';
import { clientAddress } from '../addresses.js';
import { CHANNEL, TRUNK_KEY, type TurnpikeSpec } from './turnpike-spec.js';

/** Index of the other relay. */
const RELAY_INDEX = 0;

/** Adds an entry, and tries again while a worker's queue is full. */
async function put(action: () => void): Promise<void> {
  for (;;) {
    try {
      action();
      return;
    } catch (error) {
      if (!(error instanceof TurnpikeError) || error.code !== 'ERR_TURNPIKE_QUEUE_FULL')
        throw error;
      await delay(1);
    }
  }
}

function remote(network: string, flow: number): FiveTuple {
  return { handle: listenerHandle('client', 0), remote: clientAddress(network, flow) };
}

async function putFlow(plane: DataPlane, spec: TurnpikeSpec, flow: number): Promise<void> {
  const near = { tuple: remote(spec.nearNetwork, flow), channel: CHANNEL };
  const far = { tuple: remote(spec.farNetwork, flow), channel: CHANNEL };
  const putClientFlow = async (client: typeof near, action: ClientAction) => {
    for (let worker = 0; worker < plane.workers; worker++) {
      await put(() => plane.putClientFlow({ worker, ...client }, action));
    }
  };
  if (spec.leg === 'same-relay') {
    await putClientFlow(near, { type: 'client', ...far });
    return;
  }
  const isOut = spec.leg === 'client-trunk';
  const client = isOut ? near : far;
  if (isOut || spec.bothWays) {
    await putClientFlow(client, { type: 'trunk', relayIndex: RELAY_INDEX, sessionIndex: flow });
  }
  if (!isOut || spec.bothWays) {
    await put(() => plane.putSession(flow, { relayIndex: RELAY_INDEX, ...client }));
  }
}

async function main(spec: TurnpikeSpec): Promise<void> {
  const options = {
    workers: 1,
    ...spec.options,
    clientAddresses: [spec.clientAddress],
    trunkAddresses: [spec.trunkAddress],
    onBatch: () => {},
  } satisfies DataPlaneOptions;
  const plane = openDataPlane(options);
  const key = Buffer.from(TRUNK_KEY, 'hex');
  const epoch = utcDay(Date.now());
  const keys = [epoch - 1, epoch, epoch + 1].filter((day) => day >= 0);
  await put(() =>
    plane.putRemoteRelay(RELAY_INDEX, {
      sources: [spec.remoteRelaySource],
      socket: 0,
      destination: spec.remoteRelayDestination,
      sendKeys: keys.map((day) => ({ epoch: day, key })),
      receiveKeys: keys.map((day) => ({ epoch: day, key })),
      recordsMax: spec.recordsMax,
    }),
  );
  for (let flow = 0; flow < spec.flows; flow++) await putFlow(plane, spec, flow);
  process.once('SIGTERM', () => {
    const counters = Object.entries(plane.counters()).filter(([, value]) => value > 0n);
    console.log(JSON.stringify(Object.fromEntries(counters.map(([k, v]) => [k, Number(v)]))));
    void plane.close().then(() => process.exit(0));
  });
  console.log(`xdp ${JSON.stringify(plane.xdp)}`);
  console.log('ready');
  // Keeps the process alive, which the data plane does not.
  setInterval(() => {}, 60_000);
}

await main(JSON.parse(process.argv[2] ?? '{}') as TurnpikeSpec);
