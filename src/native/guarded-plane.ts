import { types } from 'node:util';
import { type AddressInput, type TransportAddress, toAddress } from '../address.js';
import { describe } from '../describe-value.js';
import { isTurnpikeError, TurnpikeError } from '../errors.js';
import { HEARD } from './codec.js';
import type { EndpointSpec } from './endpoints.js';
import { checkSendable } from './sendable.js';
import { listenerOf, type TransportHandle } from './transport-handle.js';
import type {
  Allocation,
  ClientAction,
  ClientFlow,
  DataPlane,
  FiveTuple,
  MovedClient,
  MovedClientAction,
  OutgoingDatagram,
  PeerFlow,
  PeerFlowAction,
  ProbePath,
  RemoteRelayEntry,
  SessionAction,
  SocketSide,
  TrunkKey,
  TrunkRoute,
} from './types.js';

/** The sides that datagrams are sent on. */
const SIDES: readonly SocketSide[] = ['client', 'trunk'];

/** `T` with text allowed for each address. */
type Lenient<T> = T extends TransportAddress
  ? AddressInput
  : T extends Uint8Array
    ? T
    : T extends object
      ? { readonly [K in keyof T]: Lenient<T[K]> }
      : T;

type LenientCall<F> = F extends (...given: infer A) => infer R
  ? (...given: { [I in keyof A]: Lenient<A[I]> }) => R
  : F;

/**
 * The data plane that `openDataPlane` returns. Each call also takes addresses as `IP:PORT`, and
 * throws only TurnpikeError: ERR_TURNPIKE_ADDRESS for an invalid address, ERR_TURNPIKE_ARGUMENT for
 * any other value of a wrong type, in addition to the errors of the method.
 */
export type OpenDataPlane = { readonly [K in keyof DataPlane]: LenientCall<DataPlane[K]> };

/** Returns a data plane with argument checks, for embedders. A relay uses one without them. */
export function guarded(plane: DataPlane): OpenDataPlane {
  const calls = guardedCalls(plane);
  const names = Object.keys(calls) as (keyof typeof calls)[];
  const shown = Object.fromEntries(names.map((name) => [name, guard(name, calls[name])]));
  const { clientAddresses, trunkAddresses, trunkLanePorts, workers } = plane;
  Object.assign(shown, { clientAddresses, trunkAddresses, trunkLanePorts, workers });
  Object.defineProperty(shown, 'steering', { get: () => plane.steering, enumerable: true });
  Object.defineProperty(shown, 'xdp', { get: () => plane.xdp, enumerable: true });
  Object.defineProperty(shown, 'endpoints', { get: () => plane.endpoints, enumerable: true });
  return shown as unknown as OpenDataPlane;
}

type Calls = {
  [K in keyof DataPlane as DataPlane[K] extends (...given: never[]) => unknown ? K : never]: (
    ...given: never[]
  ) => unknown;
};

function guardedCalls(plane: DataPlane): Calls {
  return {
    putClientFlow: (flow: ClientFlow, action: ClientAction, lifetimeSeconds?: number) =>
      plane.putClientFlow(flowOf(flow), actionOf(action), lifetimeSeconds),
    refreshClientFlow: (flow: ClientFlow, lifetimeSeconds: number) =>
      plane.refreshClientFlow(flowOf(flow), lifetimeSeconds),
    removeClientFlow: (flow: ClientFlow) => plane.removeClientFlow(flowOf(flow)),
    putAllocation: (allocation: Allocation, lifetimeSeconds: number) =>
      plane.putAllocation(withTuple(allocation, 'allocation'), lifetimeSeconds),
    removeAllocation: (allocation: Allocation) =>
      plane.removeAllocation(withTuple(allocation, 'allocation')),
    allocationTraffic: (allocation: Allocation) =>
      plane.allocationTraffic(withTuple(allocation, 'allocation')),
    putPeerFlow: (flow: PeerFlow, action: PeerFlowAction, lifetimeSeconds: number) =>
      plane.putPeerFlow(peerFlowOf(flow), withTuple(action, 'action'), lifetimeSeconds),
    channelTraffic: (flow: ClientFlow) => plane.channelTraffic(flowOf(flow)),
    setBandwidth: (bucket: number, bytesPerSecond: number) =>
      plane.setBandwidth(bucket, bytesPerSecond),
    removePeerFlow: (flow: PeerFlow) => plane.removePeerFlow(peerFlowOf(flow)),
    putTrunkRoute: (flow: PeerFlow, action: TrunkRoute, lifetimeSeconds: number) =>
      plane.putTrunkRoute(peerFlowOf(flow), objectOf('action', action), lifetimeSeconds),
    removeTrunkRoute: (flow: PeerFlow) => plane.removeTrunkRoute(peerFlowOf(flow)),
    putMovedClient: (client: MovedClient, action: MovedClientAction) =>
      plane.putMovedClient(withTuple(client, 'client'), withTuple(action, 'action')),
    removeMovedClient: (client: MovedClient) =>
      plane.removeMovedClient(withTuple(client, 'client')),
    peerFlowTraffic: (flow: PeerFlow) => plane.peerFlowTraffic(peerFlowOf(flow)),
    putSession: (index: number, action: SessionAction, lifetimeSeconds?: number) =>
      plane.putSession(index, withTuple(action, 'action'), lifetimeSeconds),
    refreshSession: (index: number, lifetimeSeconds: number) =>
      plane.refreshSession(index, lifetimeSeconds),
    removeSession: (index: number) => plane.removeSession(index),
    putRemoteRelay: (relayIndex: number, entry: RemoteRelayEntry) =>
      plane.putRemoteRelay(relayIndex, remoteRelayOf(entry)),
    removeRemoteRelay: (relayIndex: number) => plane.removeRemoteRelay(relayIndex),
    setRelayHosts: (hosts: readonly TransportAddress[]) =>
      plane.setRelayHosts(listOf('hosts', hosts).map(toAddress)),
    putKnownClient: (worker: number, tuple: FiveTuple) =>
      plane.putKnownClient(worker, tupleOf(tuple)),
    removeKnownClient: (worker: number, tuple: FiveTuple) =>
      plane.removeKnownClient(worker, tupleOf(tuple)),
    workersSilentMs: () => plane.workersSilentMs(),
    openEndpoint: rejecting('openEndpoint', (spec: EndpointSpec) =>
      plane.openEndpoint(endpointOf(spec)),
    ),
    closeEndpoint: rejecting('closeEndpoint', (handle: TransportHandle) =>
      plane.closeEndpoint(handle),
    ),
    probe: (relayIndex: number, number: number, path?: ProbePath) =>
      plane.probe(relayIndex, number, path === undefined ? undefined : withTuple(path, 'path')),
    send: (datagrams: readonly OutgoingDatagram[]) => {
      const all = listOf('datagrams', datagrams).map((each) => datagramOf(plane, each));
      for (const each of all) checkSendable(each, addressOf(plane, each));
      plane.send(all);
    },
    counters: () => plane.counters(),
    remoteRelayTraffic: (relayIndex: number) => plane.remoteRelayTraffic(relayIndex),
    flowTraffic: (flow: ClientFlow) => plane.flowTraffic(flowOf(flow)),
    sessionTraffic: (index: number) => plane.sessionTraffic(index),
    flowMeter: (flow: ClientFlow) => plane.flowMeter(flowOf(flow)),
    flowPackets: (meter: number) => plane.flowPackets(whole('meter', meter)),
    sessionPackets: (index: number) => {
      // Throws for an invalid index.
      plane.sessionTraffic(index);
      return plane.sessionPackets(index);
    },
    close: () => plane.close(),
  };
}

function guard(call: string, made: (...given: never[]) => unknown): (...given: never[]) => unknown {
  return (...given) => {
    try {
      return made(...given);
    } catch (error) {
      throw asRefusal(call, error);
    }
  };
}

/** The same for an asynchronous call: it rejects instead of throwing. */
function rejecting<A extends unknown[], R>(
  call: string,
  made: (...given: A) => Promise<R>,
): (...given: A) => Promise<R> {
  return async (...given) => {
    try {
      return await made(...given);
    } catch (error) {
      throw asRefusal(call, error);
    }
  };
}

function asRefusal(call: string, error: unknown): TurnpikeError {
  if (isTurnpikeError(error)) return error;
  const message = types.isNativeError(error) ? error.message : 'a value cannot be read';
  return new TurnpikeError('ERR_TURNPIKE_ARGUMENT', `${call}: ${message}`, { cause: error });
}

/**
 * Returns the address of a datagram's socket, or undefined if the handle names none of its side.
 */
function addressOf(
  { clientAddresses, trunkAddresses, endpoints }: DataPlane,
  { side, tuple: { handle } }: OutgoingDatagram,
): TransportAddress | undefined {
  const listener = listenerOf(handle);
  if (listener === undefined) {
    const endpoint = endpoints.get(handle);
    return endpoint !== undefined && side === 'client' ? endpoint.address : undefined;
  }
  if (listener.side !== side) return undefined;
  return (side === 'client' ? clientAddresses : trunkAddresses)[listener.index];
}

function endpointOf(spec: EndpointSpec): EndpointSpec {
  const { kind, address, worker } = objectOf('spec', spec);
  if (typeof kind !== 'string') wrong('spec.kind', '`client` or `relayed`', kind);
  return { kind, address: toAddress(address), worker };
}

function flowOf(flow: ClientFlow): ClientFlow {
  const { worker, tuple, channel } = objectOf('flow', flow);
  return { worker, tuple: tupleOf(tuple), channel };
}

function actionOf(action: ClientAction): ClientAction {
  const { type } = objectOf('action', action);
  switch (action.type) {
    case 'trunk':
      return action;
    case 'client':
      return { type: 'client', tuple: tupleOf(action.tuple), channel: action.channel };
    case 'peer':
      return { ...action, peer: toAddress(action.peer) };
    default:
      return wrong('action.type', '`trunk`, `client` or `peer`', type);
  }
}

function peerFlowOf(flow: PeerFlow): PeerFlow {
  const { relayed, peer } = objectOf('flow', flow);
  return { relayed, peer: toAddress(peer) };
}

function withTuple<T extends { readonly tuple: FiveTuple }>(given: T, name: string): T {
  return { ...objectOf(name, given), tuple: tupleOf(given.tuple) };
}

function tupleOf(tuple: FiveTuple): FiveTuple {
  const { handle, remote, local } = objectOf('tuple', tuple);
  return {
    handle,
    remote: toAddress(remote),
    ...(local !== undefined && { local: textOf('local', local) }),
  };
}

/** Returns a deep copy, because a relay is encoded again later if a command queue is full. */
function remoteRelayOf(entry: RemoteRelayEntry): RemoteRelayEntry {
  const { sources, destination, sendKeys, receiveKeys, local, paths, lanesClosed } = objectOf(
    'entry',
    entry,
  );
  for (const key of [...listOf('sendKeys', sendKeys), ...listOf('receiveKeys', receiveKeys)]) {
    if (!types.isUint8Array(objectOf('key', key).key)) wrong('key', 'a Uint8Array', key.key);
  }
  if (local !== undefined) textOf('local', local);
  return {
    ...entry,
    sendKeys: sendKeys.map(copyOfKey),
    receiveKeys: receiveKeys.map(copyOfKey),
    ...(lanesClosed !== undefined && { lanesClosed: [...listOf('lanesClosed', lanesClosed)] }),
    destination: toAddress(destination),
    sources: listOf('sources', sources).map(toAddress),
    ...(paths !== undefined && {
      paths: listOf('paths', paths).map((path) => {
        const { socket, remote, heard } = objectOf('path', path);
        if (!HEARD.includes(heard)) wrong('path.heard', HEARD.join(', '), heard);
        return { socket: whole('path.socket', socket), remote: toAddress(remote), heard };
      }),
    }),
  };
}

function copyOfKey({ epoch, key }: TrunkKey): TrunkKey {
  return { epoch, key: new Uint8Array(key) };
}

function datagramOf({ workers }: DataPlane, datagram: OutgoingDatagram): OutgoingDatagram {
  const { side, tuple, data, worker } = objectOf('datagram', datagram);
  if (!SIDES.includes(side)) wrong('side', SIDES.join(' or '), side);
  const isWorker = Number.isInteger(worker) && Number(worker) >= 0 && Number(worker) < workers;
  if (worker !== undefined && !isWorker) wrong('worker', `0 to ${workers - 1}`, worker);
  return { side, tuple: tupleOf(tuple), data, ...(worker !== undefined && { worker }) };
}

function objectOf<T>(name: string, given: T): T {
  if (typeof given !== 'object' || given === null) wrong(name, 'an object', given);
  return given;
}

function listOf<T>(name: string, given: readonly T[]): readonly T[] {
  if (types.isProxy(given) || !Array.isArray(given)) wrong(name, 'a list', given);
  return given;
}

function textOf(name: string, given: string): string {
  if (typeof given !== 'string') wrong(name, 'text', given);
  return given;
}

function whole(name: string, given: number): number {
  if (!Number.isInteger(given) || given < 0) wrong(name, 'a whole number', given);
  return given;
}

function wrong(name: string, expects: string, given: unknown): never {
  const message = `${name}: expected ${expects}, got ${describe(given)}`;
  throw new TurnpikeError('ERR_TURNPIKE_ARGUMENT', message);
}
