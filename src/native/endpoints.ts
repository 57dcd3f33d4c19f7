import { getSystemErrorName } from 'node:util';
import type { TransportAddress } from '../address.js';
import { KeyCounter } from '../collections/key-counter.js';
import { ReadOnlyMap } from '../collections/read-only-map.js';
import { TurnpikeError } from '../errors.js';
import { CommandBacklog } from './command-backlog.js';
import type { DataPlaneEvent } from './events.js';
import { checkStatus, endpointFailure } from './failures.js';
import { PuntKind, Status } from './interface.js';
import { type TransportHandle, workerOf } from './transport-handle.js';

/** A socket that one worker opens while the plane runs. */
export interface EndpointSpec {
  /**
   * `client`: a UDP socket on the client side, like those of `clientAddresses`. `relayed`: the
   * socket of a relayed transport address (RFC 8656), which exchanges bare payloads with peers. Its
   * port is shared with no other socket.
   */
  readonly kind: 'client' | 'relayed';
  /** An address of this host, or a wildcard; port 0 selects a free one. */
  readonly address: TransportAddress;
  /** The worker that owns the socket. */
  readonly worker: number;
}

/** An open endpoint. */
export interface Endpoint extends EndpointSpec {
  readonly handle: TransportHandle;
  /** The bound address with the actual port. */
  readonly address: TransportAddress;
}

/** A worker's report about an endpoint: ENDPOINT_REPORT, decoded. */
export interface EndpointReport {
  readonly kind: number;
  readonly handle: TransportHandle;
  readonly status: number;
  readonly errorNumber: number;
  /** The bound port, or the port of `remote`. */
  readonly port: number;
  /**
   * For an ICMP error: the destination of the datagram, and type and code of RFC 792 or RFC 4443.
   */
  readonly remote: TransportAddress;
  readonly icmpType: number;
  readonly icmpCode: number;
  readonly icmpInfo: number;
}

interface Opening {
  readonly spec: EndpointSpec;
  readonly resolve: (endpoint: Endpoint) => void;
  readonly reject: (error: TurnpikeError) => void;
}

interface Closing {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/** The endpoints of a data plane, and pending calls about them. */
export class Endpoints {
  readonly #open = new Map<TransportHandle, Endpoint>();
  /** The open endpoints, by handle. */
  readonly open: ReadonlyMap<TransportHandle, Endpoint> = new ReadOnlyMap(this.#open);
  readonly #opening = new Map<TransportHandle, Opening>();
  readonly #closing = new Map<TransportHandle, Closing>();
  /** The closes for which there is no room. They hold up no other command. */
  readonly #closes = new CommandBacklog();
  /** By worker: the endpoints that are being closed, and count towards its limit until then. */
  readonly #leaving = new KeyCounter();
  readonly #close: (handle: TransportHandle) => number;

  /** @param close - asks the worker of an endpoint to close it, and returns the status */
  constructor(close: (handle: TransportHandle) => number) {
    this.#close = close;
  }

  /**
   * Waits for the response to an `openEndpoint`.
   * @param handle - the addon's result: a handle, or a status as a negative number
   * @returns the open endpoint; rejects with `endpointFailure`, or with ERR_TURNPIKE_CLOSED when
   *   the plane closes first
   * @throws TurnpikeError by `checkStatus` for a status; ERR_TURNPIKE_QUEUE_FULL for Limit while
   *   endpoints of the worker are being closed
   */
  answerOf(handle: number, spec: EndpointSpec): Promise<Endpoint> {
    if (handle < 0) {
      const isPassing = -handle === Status.Limit && this.#leaving.of(`${spec.worker}`) > 0;
      checkStatus('openEndpoint', isPassing ? Status.QueueFull : -handle);
    }
    return new Promise((resolve, reject) => {
      this.#opening.set(handle as TransportHandle, { spec, resolve, reject });
    });
  }

  /** Returns the status of a put of a flow; as `CommandBacklog.statusOfPut`, for closes. */
  statusOfPut(status: number, worker: number): number {
    return this.#closes.statusOfPut(status, worker);
  }

  /** Closes an endpoint. Resolves with the response, or at once if there is no such endpoint. */
  close(handle: TransportHandle): Promise<void> {
    const closing = this.#closing.get(handle);
    if (closing !== undefined) return closing.promise;
    const endpoint = this.#open.get(handle);
    if (endpoint === undefined) return Promise.resolve();
    this.#askToClose(endpoint);
    let resolve = () => {};
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    this.#closing.set(handle, { promise, resolve });
    return promise;
  }

  /**
   * Settles the calls to which the reports respond.
   * @returns the events among the reports
   */
  take(reports: readonly EndpointReport[]): DataPlaneEvent[] {
    // An answer makes room for the next close.
    if (reports.length > 0) this.#closes.retry();
    return reports.flatMap((report) => this.#take(report) ?? []);
  }

  /** Called when the plane closes: rejects pending opens and resolves pending closes. */
  abandon(closed: Promise<void>): void {
    const message = 'openEndpoint: the data plane was closed before the endpoint was open';
    for (const { reject } of this.#opening.values()) {
      reject(new TurnpikeError('ERR_TURNPIKE_CLOSED', message));
    }
    const closing = [...this.#closing.values()];
    void closed.then(() => {
      for (const { resolve } of closing) resolve();
    });
    for (const each of [this.#closes, this.#open, this.#opening, this.#closing]) each.clear();
  }

  #askToClose({ handle, worker }: Endpoint): void {
    this.#closes.give({
      call: 'closeEndpoint',
      entry: () => `${handle}`,
      worker,
      queue: () => this.#close(handle),
    });
    this.#open.delete(handle);
    this.#leaving.add(`${worker}`);
  }

  #take(report: EndpointReport): DataPlaneEvent | undefined {
    const { kind, handle } = report;
    switch (kind) {
      case PuntKind.EndpointOpened:
        this.#opened(report);
        return undefined;
      case PuntKind.EndpointClosed:
        this.#closing.get(handle)?.resolve();
        this.#closing.delete(handle);
        this.#leaving.remove(`${workerOf(handle)}`);
        return undefined;
      case PuntKind.EndpointEnded:
        return this.#ended(report);
      default:
        return this.#open.has(handle) ? icmpError(report) : undefined;
    }
  }

  #opened(report: EndpointReport): void {
    const { handle, status, port } = report;
    const opening = this.#opening.get(handle);
    this.#opening.delete(handle);
    if (opening === undefined) return;
    const { spec, resolve, reject } = opening;
    if (status !== Status.Ok) return reject(endpointFailure(report, spec.address));
    // Frozen: the plane itself reads it.
    const address = Object.freeze({ address: spec.address.address, port });
    const endpoint: Endpoint = Object.freeze({
      handle,
      kind: spec.kind,
      worker: spec.worker,
      address,
    });
    this.#open.set(handle, endpoint);
    resolve(endpoint);
  }

  #ended({ handle, errorNumber }: EndpointReport): DataPlaneEvent | undefined {
    const endpoint = this.#open.get(handle);
    // An endpoint that is not open is being closed already.
    if (endpoint === undefined) return undefined;
    this.#askToClose(endpoint);
    return { type: 'endpoint-closed', handle, errno: getSystemErrorName(-errorNumber) };
  }
}

function icmpError({ handle, remote, icmpType, icmpCode, icmpInfo }: EndpointReport) {
  return { type: 'icmp-error', handle, remote, icmpType, icmpCode, icmpInfo } as const;
}
