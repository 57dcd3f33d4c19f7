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

/** Challenges asked for at once. */
const CHALLENGE_WINDOW = 64;
const LIFETIME_SECONDS = 600;

/** Where legs of role 0 and of role 1 go; the same twice for connections inside one relay. */
export type RelayPair = readonly [TransportAddress, TransportAddress];

export interface LoadOptions {
  readonly relays: RelayPair;
  /** Connections of the largest round. */
  readonly connectionsMax: number;
  /** Whose connections they are; by default `default`. */
  readonly tenant?: string;
}

/** The signed requests of one leg, made before anything is measured. */
interface LegRequests {
  readonly allocate: Uint8Array;
  readonly connect: Uint8Array;
  readonly close: Uint8Array;
}

/** Bits of a connection's progress: the answers that have come. */
const ALLOCATED = [1, 2] as const;
const CONNECTED = [4, 8] as const;
const BOTH_ALLOCATED = 3;
const BOTH_CONNECTED = 12;

/** Very many peers, each with a 5-tuple of its own: connection i has the legs 2i and 2i + 1. */
export class Load {
  /** Indications that a connection was closed by the other side. */
  closedIndications = 0;
  readonly #relays: RelayPair;
  readonly #tenant: string | undefined;
  readonly #peers = new ManySources((batch) => this.#receive(batch));
  readonly #ips: readonly string[];
  /** By role, then by source. */
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

  /** Asks for a nonce for every source at its relays. */
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

  /** Makes and signs all requests of a new round of connections. */
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

  /** Allocates and connects both legs of every connection that was prepared. */
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

  /** Closes every connection from its first leg. */
  close(window: number): Promise<WindowedResult> {
    this.closedIndications = 0;
    const send = (connection: number) => this.#sendLeg(2 * connection, 'close');
    this.#windowed = new Windowed(this.#progress.length, window, { begin: send, repeat: send });
    return this.#windowed.run();
  }

  /** What was sent and what came back so far, bytes of UDP payload. */
  get bytes(): { readonly sent: number; readonly received: number } {
    return this.#peers.tally();
  }

  /** Frees the sockets. */
  end(): Promise<void> {
    return this.#peers.close();
  }

  /** @param answered - a bit for each role that needs nothing any more */
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
    // A repeated close finds no leg, and is told so: that is success as well.
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
