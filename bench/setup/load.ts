import type { TransportAddress } from '../../src/address.js';
import type { DataPlaneBatch } from '../../src/native/types.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage } from '../../src/stun/message.js';
import { classOf } from '../../src/stun/methods.js';
import { type LegIdentity, legIdentity } from './cluster.js';
import { ManySources } from './many-sources.js';
import {
  allocateRequest,
  challengeRequest,
  closeRequest,
  connectRequest,
  Exchange,
  transactionId,
} from './requests.js';
import { legAddress, SOURCE_PORTS, sourceIp, sourceOf, sourcesOf } from './source-addresses.js';
import { Windowed, type WindowedResult } from './windowed.js';

/** Requests for a challenge that are under way at once. */
const CHALLENGE_WINDOW = 64;
const LIFETIME_SECONDS = 600;

/** The relays of legs of role 0 and role 1; the same relay twice for connections within it. */
export type RelayPair = readonly [TransportAddress, TransportAddress];

/** Options of a load. */
export interface LoadOptions {
  readonly relays: RelayPair;
  /** Connections of the largest round. */
  readonly connectionsMax: number;
  /** The tenant of the connections; default `default`. */
  readonly tenant?: string;
}

/** The signed requests of one leg, made before the measurement. */
interface LegRequests {
  readonly allocate: Uint8Array;
  readonly connect: Uint8Array;
  readonly close: Uint8Array;
}

/** Bits of a connection's progress by role: which success responses have arrived. */
const ALLOCATED = [1, 2] as const;
const CONNECTED = [4, 8] as const;
const BOTH_ALLOCATED = 3;
const BOTH_CONNECTED = 12;

/** Many peers, each with its own 5-tuple. Connection i has the legs 2i and 2i + 1. */
export class Load {
  /** Number of Closed indications received. */
  closedIndications = 0;
  readonly #relays: RelayPair;
  readonly #tenant: string | undefined;
  readonly #peers = new ManySources((batch) => this.#receive(batch));
  readonly #ips: readonly string[];
  /** Nonces by role and source. */
  readonly #nonces: [string[], string[]] = [[], []];
  #requests: LegRequests[] = [];
  #round = 0;
  #progress = new Uint8Array();
  #windowed: Windowed | undefined;

  constructor({ relays, connectionsMax, tenant }: LoadOptions) {
    this.#relays = relays;
    this.#tenant = tenant;
    const sources = sourcesOf(2 * connectionsMax);
    this.#ips = Array.from({ length: sources }, (_, source) => sourceIp(source));
  }

  /** Fetches a nonce for every source from its relays. @throws Error when none responds for 20 s */
  async challenge(): Promise<void> {
    for (const role of [0, 1] as const) {
      const send = (source: number) => {
        const id = transactionId(Exchange.Challenge, source, role);
        this.#send(source * SOURCE_PORTS, role, challengeRequest(id));
      };
      this.#windowed = new Windowed(this.#ips.length, CHALLENGE_WINDOW, {
        begin: send,
        repeat: send,
      });
      await this.#windowed.run();
    }
  }

  /** Builds and signs all requests of a new round of connections. */
  prepare(connections: number): void {
    this.#round += 1;
    this.#progress = new Uint8Array(connections);
    this.#requests = [];
    for (let connection = 0; connection < connections; connection++) {
      const connectionId = transactionId(0, connection, this.#round);
      const hex = Buffer.concat([Buffer.alloc(4), connectionId]).toString('hex');
      for (const role of [0, 1] as const) {
        this.#requests.push(
          this.#sign(2 * connection + role, legIdentity(hex, role, this.#tenant)),
        );
      }
    }
  }

  #sign(leg: number, identity: LegIdentity): LegRequests {
    const { role } = identity;
    const { source } = sourceOf(leg);
    const signing = { identity, nonce: this.#nonces[role][source] ?? '' };
    const id = (exchange: number) => transactionId(exchange, leg, this.#round);
    const other = legAddress(role === 0 ? leg + 1 : leg - 1, this.#peers.ports);
    return {
      allocate: allocateRequest(id(Exchange.Allocate), signing, {
        peerRelay: this.#relays[role === 0 ? 1 : 0],
        lifetimeSeconds: LIFETIME_SECONDS,
      }),
      connect: connectRequest(id(Exchange.Connect), signing, other),
      close: closeRequest(id(Exchange.Close), signing),
    };
  }

  /**
   * Allocates and connects both legs of every connection of the round.
   * @param window - connections under way at once
   */
  establish(window: number): Promise<WindowedResult> {
    this.#windowed = new Windowed(this.#progress.length, window, {
      begin: (connection) => this.#sendBoth(connection, 'allocate', 0),
      repeat: (connection) => {
        const progress = this.#progress[connection] ?? 0;
        if ((progress & BOTH_ALLOCATED) === BOTH_ALLOCATED) {
          this.#sendBoth(connection, 'connect', progress >> 2);
        } else {
          this.#sendBoth(connection, 'allocate', progress);
        }
      },
    });
    return this.#windowed.run();
  }

  /**
   * Closes every connection from its first leg.
   * @param window - connections under way at once
   */
  close(window: number): Promise<WindowedResult> {
    this.closedIndications = 0;
    const send = (connection: number) => this.#sendLeg(2 * connection, 'close');
    this.#windowed = new Windowed(this.#progress.length, window, { begin: send, repeat: send });
    return this.#windowed.run();
  }

  /** Bytes of UDP payload sent and received so far. */
  get bytes(): { readonly sent: number; readonly received: number } {
    return this.#peers.tally();
  }

  /** Closes the sockets. */
  end(): Promise<void> {
    return this.#peers.close();
  }

  /** @param answered - a bit for each role whose response has arrived */
  #sendBoth(connection: number, request: 'allocate' | 'connect', answered: number): void {
    if ((answered & 1) === 0) this.#sendLeg(2 * connection, request);
    if ((answered & 2) === 0) this.#sendLeg(2 * connection + 1, request);
  }

  #sendLeg(leg: number, request: keyof LegRequests): void {
    const requests = this.#requests[leg];
    if (requests) this.#send(leg, leg % 2 === 0 ? 0 : 1, requests[request]);
  }

  #send(leg: number, role: 0 | 1, data: Uint8Array): void {
    const { source, socket } = sourceOf(leg);
    const from = this.#ips[source] ?? '';
    this.#peers.send([{ from, port: socket, to: this.#relays[role], data }]);
  }

  #receive({ datagrams }: DataPlaneBatch): void {
    for (const { data } of datagrams) {
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
      const messageClass = classOf(view.getUint16(0));
      if (messageClass === 'indication') {
        this.closedIndications += 1;
        continue;
      }
      const exchange = view.getUint8(8);
      const number = view.getUint32(9);
      if (exchange === Exchange.Challenge) this.#challenged(data, number, view.getUint32(13));
      else if (view.getUint32(13) === this.#round) {
        this.#answered(exchange, number, messageClass === 'success');
      }
    }
  }

  #challenged(data: Uint8Array, source: number, role: number): void {
    const decoded = decodeMessage(data);
    const nonce = decoded.ok ? decoded.message.text(AttributeType.Nonce) : undefined;
    this.#nonces[role === 0 ? 0 : 1][source] = nonce ?? '';
    this.#windowed?.done(source, nonce !== undefined);
  }

  #answered(exchange: number, leg: number, ok: boolean): void {
    const connection = Math.floor(leg / 2);
    const role = leg % 2 === 0 ? 0 : 1;
    // A retransmitted close finds no leg and gets an error response, which counts as success.
    if (exchange === Exchange.Close) return this.#windowed?.done(connection, true);
    if (!ok) return this.#windowed?.done(connection, false);
    const before = this.#progress[connection] ?? 0;
    const bit = (exchange === Exchange.Allocate ? ALLOCATED : CONNECTED)[role];
    if ((before & bit) !== 0) return;
    const progress = before | bit;
    this.#progress[connection] = progress;
    if (exchange === Exchange.Connect) {
      if ((progress & BOTH_CONNECTED) === BOTH_CONNECTED) this.#windowed?.done(connection, true);
    } else if ((progress & BOTH_ALLOCATED) === BOTH_ALLOCATED) {
      this.#sendBoth(connection, 'connect', 0);
    }
  }
}
