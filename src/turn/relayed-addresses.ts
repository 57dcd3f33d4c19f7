import type { AddressFamily, TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import { isTurnpikeError } from '../errors.js';
import type { RandomBytes } from '../random.js';
import type { OpenedAddress } from './allocation.js';
import { type OwnSockets, ownPorts } from './own-ports.js';
import type { RefusalReason } from './refusals.js';
import { type PortWish, RelayedPorts } from './relayed-ports.js';
import { TURN_LIMITS } from './turn-limits.js';
import type { PortRange, RelayedAddress, TurnPlane } from './turn-options.js';

/** A port that is held, and not open. */
export interface HeldPort {
  readonly ports: RelayedPorts;
  readonly port: number;
}

/** Why a held port is not opened. */
type PortFailure = 'data-plane-busy' | 'bound-by-another' | 'no-socket';

/** Why no relayed transport address is opened. */
export type OpenFailure =
  | Exclude<PortFailure, 'bound-by-another'>
  | Extract<RefusalReason, 'allocations-used-up' | 'ports-used-up'>;

/** Dependencies of `RelayedAddresses`. */
export interface RelayedAddressesOptions {
  readonly plane: Pick<TurnPlane, 'openEndpoint' | 'closeEndpoint'> & OwnSockets;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly relayedAddresses: readonly RelayedAddress[];
  readonly ports: PortRange;
}

/** The IP addresses of this server for relayed transport addresses; opens and closes these. */
export class RelayedAddresses {
  readonly #plane: RelayedAddressesOptions['plane'];
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #range: PortRange;
  readonly #all: readonly RelayedPorts[];
  readonly #own: ReadonlySet<string>;
  /** Maximum ports that are held. */
  heldMax: number;

  /** @param heldMax - maximum relayed transport addresses, reserved ones included */
  constructor(options: RelayedAddressesOptions, heldMax: number) {
    const { plane, clock, random, relayedAddresses, ports } = options;
    this.#plane = plane;
    this.#clock = clock;
    this.#random = random;
    this.#range = ports;
    this.#all = relayedAddresses.map(
      (each) => new RelayedPorts(each, ports, random, ownPorts(plane, each.address)),
    );
    this.#own = new Set(
      relayedAddresses.flatMap(({ address, advertised }) => [address, advertised]),
    );
    this.heldMax = heldMax;
  }

  /** Number of held ports: those of allocations, opening ones and reserved ones. */
  get held(): number {
    return this.#all.reduce((sum, { held }) => sum + held, 0);
  }

  /** Whether no further port may be held, or none is left. */
  get isFull(): boolean {
    return this.held >= this.heldMax || this.#all.every(({ isUsedUp }) => isUsedUp);
  }

  /** Returns whether there are addresses of a family. */
  has(family: AddressFamily): boolean {
    return this.#all.some((each) => each.family === family);
  }

  /** Returns whether a peer's IP address is one of this server's relayed addresses. */
  isOwn(address: string): boolean {
    return this.#own.has(address);
  }

  /** Returns the only ports of an own IP address that peers may have; undefined for another one. */
  portsOf(address: string): PortRange | undefined {
    return this.isOwn(address) ? this.#range : undefined;
  }

  /** Returns whether an address is one of this server's own sockets at a relayed IP address. */
  isOfServer({ address, port }: TransportAddress): boolean {
    return this.#all.some((each) => isAt(each, address) && each.isOwn(port));
  }

  /** Returns whether a port can be that of a relayed transport address. */
  #isRelayedPort(port: number): boolean {
    return port >= this.#range.min && port <= this.#range.max;
  }

  /** Returns whether an address is a held relayed transport address, as bound or as advertised. */
  isHeld({ address, port }: TransportAddress): boolean {
    if (!this.#isRelayedPort(port)) return false;
    return this.#all.some((each) => isAt(each, address) && each.isHeld(port));
  }

  /**
   * Opens a relayed transport address on a port that it chooses. If another process has bound the
   * port it tries others, at most `TURN_LIMITS.portTries` in all.
   * @param worker - the worker of the client's 5-tuple
   * @param wish - for `pair` the next port is held, too
   */
  async open(
    family: AddressFamily,
    worker: number,
    wish: PortWish,
  ): Promise<OpenedAddress | OpenFailure> {
    for (let tries = 0; tries < TURN_LIMITS.portTries; tries += 1) {
      const needed = wish === 'pair' ? 2 : 1;
      if (this.held + needed > this.heldMax) return 'allocations-used-up';
      const taken = this.#take(family, wish);
      if (taken === undefined) return 'ports-used-up';
      const opening = await this.openHeld(taken, worker);
      if (typeof opening === 'object') return opening;
      if (wish === 'pair') taken.ports.putBack(taken.port + 1);
      if (opening === 'bound-by-another') this.free(taken);
      else taken.ports.putBack(taken.port);
      if (opening !== 'bound-by-another') return opening;
    }
    return 'ports-used-up';
  }

  /** Opens a relayed transport address on a held port, which stays held if that fails. */
  async openHeld({ ports, port }: HeldPort, worker: number): Promise<OpenedAddress | PortFailure> {
    const address = { address: ports.address, port };
    try {
      const { handle } = await this.#plane.openEndpoint({ kind: 'relayed', address, worker });
      return { handle, ports, port };
    } catch (error) {
      if (isTurnpikeError(error) && error.errno === 'EADDRINUSE') return 'bound-by-another';
      const isBusy = isTurnpikeError(error, 'ERR_TURNPIKE_QUEUE_FULL');
      return isBusy || isTurnpikeError(error, 'ERR_TURNPIKE_CLOSED')
        ? 'data-plane-busy'
        : 'no-socket';
    }
  }

  /**
   * Closes a relayed transport address.
   * @param then - what becomes of its port once the socket is closed; by default it is freed
   */
  close({ handle, ports, port }: OpenedAddress, then = () => this.free({ ports, port })): void {
    this.#plane.closeEndpoint(handle).then(then, then);
  }

  /** Frees a held port that is not open. It rests. */
  free({ ports, port }: HeldPort): void {
    ports.free(port, this.#clock.monotonic());
  }

  /** Takes a port of any address of a family, beginning with a random one. */
  #take(family: AddressFamily, wish: PortWish): HeldPort | undefined {
    const some = this.#all.filter((each) => each.family === family);
    const [first = 0] = this.#random(1);
    for (const index of some.keys()) {
      const ports = some[(first + index) % some.length] as RelayedPorts;
      const port = ports.take(wish, this.#clock.monotonic());
      if (port !== undefined) return { ports, port };
    }
    return undefined;
  }
}

function isAt({ address, advertised }: RelayedAddress, ip: string): boolean {
  return address === ip || advertised === ip;
}
