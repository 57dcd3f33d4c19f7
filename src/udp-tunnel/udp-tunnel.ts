import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import { TurnpikeError } from '../errors.js';
import { RoundTrip } from '../round-trip.js';
import { LossMeter } from '../stream/loss-meter.js';
import { stampDifferenceMs, stampOf } from '../stream/message.js';
import {
  DropCounts,
  FOREIGN_FRAMES_MAX,
  LingeringMistake,
  type Path,
  PING_MS,
  type Traffic,
} from '../stream/path.js';
import { type Flows, ForwardFlows, ListenFlows, UDP_FLOW_IDLE_MS, UDP_FLOWS_MAX } from './flows.js';
import {
  decodeFrame,
  encodeFrame,
  type FlowEnd,
  FRAME_HEADER_BYTES,
  FRAMES_VERSION,
  foreignFrame,
  type UdpFrame,
} from './frame.js';

/** Interval of the sweep over idle flows. */
export const UDP_FLOW_SWEEP_MS = 5_000;

/** Interval of hellos until both sides are ready. */
export const UDP_HELLO_MS = 250;

/** Options of `UdpTunnel.open`. */
export interface UdpTunnelOptions {
  /**
   * `listen`: the address to which local applications send; `forward`: that of the local service.
   */
  readonly local: { readonly type: FlowEnd; readonly address: TransportAddress };
  readonly clock: Clock;
  readonly logger: Logger;
}

type Hello = UdpFrame & { type: 'hello' };

/**
 * The UDP tunnel of `turnpike peer --udp-…`. Datagrams that local applications send to the
 * listening side are delivered to the service at the other side, one by one. Each application has a
 * flow number, so that responses go back to that application only. Before any datagram the two
 * sides exchange versions and instances in a hello on each connection, because a restarted side
 * assigns flow numbers again from 0.
 */
export class UdpTunnel {
  /** Rejects if the two sides' options do not match or a local socket fails; never resolves. */
  readonly finished: Promise<never>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #end: FlowEnd;
  readonly #instance = randomBytes(4).readUInt32BE() || 1;
  readonly #dropped = new DropCounts();
  readonly #meter = new LossMeter();
  readonly #roundTrip = new RoundTrip();
  readonly #sweeps: NodeJS.Timeout;
  #flows: Flows | undefined;
  #fail: (error: Error) => void = () => {};
  readonly #mistake = new LingeringMistake((error) => this.#fail(error));
  #path: Path | undefined;
  #pings: NodeJS.Timeout | undefined;
  #hellos: NodeJS.Timeout | undefined;
  /** The other side's instance, as in its last hello on any connection. */
  #otherInstance: number | undefined;
  /** Whether the other side has repeated this side's instance on the present connection. */
  #ready = false;
  /** Number of foreign payloads on the present connection. */
  #foreign = 0;
  #sequence = 0;
  #pong: { readonly expected: number; readonly received: number } | undefined;
  #lastHeardMs = Number.NEGATIVE_INFINITY;
  #saidFull = false;
  #sums = { bytesIn: 0, bytesOut: 0, expectedOut: 0, receivedOut: 0 };

  private constructor({ local, clock, logger }: UdpTunnelOptions) {
    this.#clock = clock;
    this.#logger = logger;
    this.#end = local.type;
    this.finished = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Nothing awaits it while the path is being established.
    this.finished.catch(() => {});
    this.#sweeps = setInterval(() => this.sweep(), UDP_FLOW_SWEEP_MS);
  }

  /**
   * Opens the local socket of the listening side. The forwarding side opens one for each flow.
   * @throws TurnpikeError ERR_TURNPIKE_BIND with `errno` and `address`
   */
  static async open(options: UdpTunnelOptions): Promise<UdpTunnel> {
    const { local, clock } = options;
    const tunnel = new UdpTunnel(options);
    const events = {
      onDatagram: (flow: number, payload: Uint8Array) => tunnel.#fromApplication(flow, payload),
      onEnded: (flow: number) => tunnel.#sendEnd(flow),
      onDropped: (reason: string) => tunnel.#onDropped(reason),
      onFailure: (error: Error) => tunnel.#fail(error),
    };
    const flowsOptions = { address: local.address, clock, events };
    try {
      tunnel.#flows =
        local.type === 'listen'
          ? await ListenFlows.open(flowsOptions)
          : new ForwardFlows(flowsOptions);
    } catch (error) {
      clearInterval(tunnel.#sweeps);
      throw error;
    }
    return tunnel;
  }

  /** The bound address of the listening side; undefined at the forwarding side. */
  get localAddress(): TransportAddress | undefined {
    return this.#flows?.localAddress;
  }

  /** Number of open flows. */
  get flows(): number {
    return this.#flows?.size ?? 0;
  }

  /** When the last frame was received, monotonic ms; -Infinity before. */
  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  /** Starts to use an established connection. */
  attach(path: Path): void {
    this.#path = path;
    this.#ready = false;
    this.#foreign = 0;
    this.#meter.restart();
    this.#pong = undefined;
    this.#sendHello(0);
    this.#hellos = setInterval(() => {
      if (!this.#ready) this.#sendHello(this.#otherInstance ?? 0);
    }, UDP_HELLO_MS);
    this.#ping();
    this.#pings = setInterval(() => this.#ping(), PING_MS);
  }

  /** Stops using the connection, which has ended. */
  detach(): void {
    this.#path = undefined;
    this.#ready = false;
    clearInterval(this.#hellos);
    clearInterval(this.#pings);
  }

  /** Handles a payload of the connection. */
  receive(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame === undefined) return this.#onForeign(bytes);
    this.#lastHeardMs = this.#clock.monotonic();
    if (frame.type === 'hello') return this.#onHello(frame);
    this.#meter.add(frame.sequence);
    if (frame.type === 'data') this.#onData(frame);
    else if (frame.type === 'end') this.#onEnd(frame.flow);
    else if (frame.type === 'ping') this.#answer(frame.stamp);
    else this.#onPong(frame);
  }

  /** Ends idle flows. Called every UDP_FLOW_SWEEP_MS. */
  sweep(): void {
    this.#flows?.sweep();
  }

  /** Handles a signal that ends the command. Sends nothing. @returns the exit code, 0 */
  interrupt(): number {
    return 0;
  }

  /** Returns the traffic over all connections. */
  traffic(): Traffic {
    const { expected, received } = this.#meter;
    return {
      ...this.#sums,
      rttMs: this.#roundTrip.smoothedMs,
      expectedIn: expected,
      receivedIn: received,
      dropped: this.#dropped.all,
    };
  }

  async close(): Promise<void> {
    this.detach();
    clearInterval(this.#sweeps);
    this.#mistake.cancel();
    await this.#flows?.close();
  }

  #onHello({ version, end, ready, instance, echo }: Hello): void {
    if (version !== FRAMES_VERSION) {
      return this.#mistaken(
        `the other side uses version ${version} of UDP mode, this one version ` +
          `${FRAMES_VERSION}: update the older \`turnpike peer\``,
      );
    }
    if (end === this.#end) {
      const other = end === 'listen' ? 'forward' : 'listen';
      return this.#mistaken(`both sides were given --udp-${end}: give one --udp-${other}`);
    }
    if (this.#otherInstance !== undefined && this.#otherInstance !== instance) {
      this.#flows?.reset();
    }
    this.#otherInstance = instance;
    if (echo === this.#instance) this.#ready = true;
    if (!ready) this.#sendHello(instance);
  }

  #onData({ flow, payload }: UdpFrame & { type: 'data' }): void {
    // Before the hello the instance that assigned the flow number is unknown.
    if (this.#otherInstance === undefined) return this.#dropped.add('before-hello');
    this.#sums.bytesIn += payload.length;
    this.#flows?.deliver(flow, payload);
  }

  /** Ends a flow, once the hello has shown that its number is of the present instance. */
  #onEnd(flow: number): void {
    if (this.#ready) this.#flows?.end(flow);
  }

  /**
   * Handles a payload that is not a frame of this version. FOREIGN_FRAMES_MAX of one connection
   * before it is ready indicate a configuration error.
   */
  #onForeign(bytes: Uint8Array): void {
    this.#dropped.add('unknown-frame');
    const kind = foreignFrame(bytes);
    if (kind === 'unknown' || this.#ready) return;
    // The hello shows the other side this side's version and end.
    this.#sendHello(0);
    if (++this.#foreign < FOREIGN_FRAMES_MAX) return;
    this.#mistaken(
      kind === 'stream'
        ? 'the other side carries a byte stream, this one UDP: give both --udp-listen or ' +
            '--udp-forward, or neither'
        : 'the other side runs an older `turnpike peer`, which cannot number flows: update it',
    );
  }

  /** Ends the tunnel after a time in which the other side can detect the same error. */
  #mistaken(message: string): void {
    this.#mistake.note(new TurnpikeError('ERR_TURNPIKE_CONFIG', message));
  }

  #onDropped(reason: string): void {
    this.#dropped.add(reason);
    if (reason !== 'flows-full' || this.#saidFull) return;
    this.#saidFull = true;
    this.#logger.warn(
      { event: 'flows-full', flows: UDP_FLOWS_MAX },
      `${UDP_FLOWS_MAX} local applications are served already: others wait until one of ` +
        `them has been silent for ${UDP_FLOW_IDLE_MS / 1_000} s`,
    );
  }

  /** Sends a datagram of a local application or service. @returns whether it was sent */
  #fromApplication(flow: number, payload: Uint8Array): boolean {
    const path = this.#path;
    if (path === undefined || !this.#ready) {
      this.#dropped.add('no-path');
      return false;
    }
    if (payload.length + FRAME_HEADER_BYTES > path.payloadBytesMax) {
      this.#dropped.add('oversized');
      return false;
    }
    this.#sums.bytesOut += payload.length;
    path.send(encodeFrame({ type: 'data', sequence: this.#nextSequence(), flow, payload }));
    return true;
  }

  #sendEnd(flow: number): void {
    if (!this.#ready) return;
    this.#path?.send(encodeFrame({ type: 'end', sequence: this.#nextSequence(), flow }));
  }

  #sendHello(echo: number): void {
    this.#path?.send(
      encodeFrame({
        type: 'hello',
        version: FRAMES_VERSION,
        end: this.#end,
        ready: this.#ready,
        instance: this.#instance,
        echo,
      }),
    );
  }

  #ping(): void {
    const stamp = stampOf(this.#clock.monotonic());
    this.#path?.send(encodeFrame({ type: 'ping', sequence: this.#nextSequence(), stamp }));
  }

  #answer(stamp: number): void {
    this.#path?.send(
      encodeFrame({
        type: 'pong',
        sequence: this.#nextSequence(),
        stamp,
        expected: this.#meter.expected % 2 ** 32,
        received: this.#meter.received % 2 ** 32,
      }),
    );
  }

  #onPong({ stamp, expected, received }: UdpFrame & { type: 'pong' }): void {
    const nowStamp = stampOf(this.#clock.monotonic());
    this.#roundTrip.add(Math.max(0, stampDifferenceMs(nowStamp, stamp)));
    if (this.#pong !== undefined) {
      // Pongs may be reordered: an older one is ignored.
      if (((expected - this.#pong.expected) | 0) <= 0) return;
      this.#sums.expectedOut += (expected - this.#pong.expected) >>> 0;
      this.#sums.receivedOut += (received - this.#pong.received) >>> 0;
    }
    this.#pong = { expected, received };
  }

  #nextSequence(): number {
    this.#sequence = (this.#sequence + 1) % 2 ** 32;
    return this.#sequence;
  }
}
