import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { TransportAddress } from '../../../src/address.js';
import { type Authenticate, hookLookUp } from '../../../src/auth/authenticate-hook.js';
import { NonceIssuer } from '../../../src/auth/nonce.js';
import type { User, Verifier } from '../../../src/auth/principal.js';
import { featuresOf, type Realm } from '../../../src/auth/realm.js';
import { StaticUsers } from '../../../src/auth/static-users.js';
import { StrangerBudgets } from '../../../src/auth/stranger-budgets.js';
import type { TurnPrincipal } from '../../../src/auth/turn-principal.js';
import { TurnVerifier } from '../../../src/auth/turn-verifier.js';
import { listenerHandle, type TransportHandle } from '../../../src/native/transport-handle.js';
import type { OutgoingDatagram } from '../../../src/native/types.js';
import type { PasswordAlgorithm } from '../../../src/stun/attribute-types.js';
import { longTermKey } from '../../../src/stun/integrity.js';
import { decodeMessage, type StunMessage } from '../../../src/stun/message.js';
import { BindingUsage } from '../../../src/stun-server/binding-usage.js';
import { ProvenClients } from '../../../src/stun-server/proven-clients.js';
import { type ServerContext, ServerStats } from '../../../src/stun-server/server-context.js';
import { StunServer } from '../../../src/stun-server/stun-server.js';
import { UserLookups } from '../../../src/stun-server/user-lookups.js';
import { type PeerRules, Turn, TurnLog, type TurnOptions } from '../../../src/turn/index.js';
import type { OwnSockets } from '../../../src/turn/own-ports.js';
import { TestClock } from '../../auth/test-clock.js';
import { FakeTurnPlane } from './fake-turn-plane.js';

export const REALM: Realm = { name: 'example.org', passwordAlgorithms: ['sha256', 'md5'] };

/** Every user's password. */
export const PASSWORD = 'open sesame';

export const RELAY_V4 = { address: '10.0.0.5', advertised: '203.0.113.5' };
export const RELAY_V6 = { address: '2001:db8::5', advertised: '2001:db8::5' };

/** A peer that the policy allows. */
export const PEER = { address: '198.51.100.7', port: 4_000 };

/** An address that the policy denies. */
export const DENIED = '192.168.1.1';

/** Denies `DENIED` alone. */
export const POLICY: PeerRules = {
  check: (address) => (address === DENIED ? 'denied' : 'allowed'),
};

/**
 * Knows every username: `NAME`, or `EXPIRY:NAME` in Unix seconds. A `NAME` of the form
 * `TENANT/turn/USER` is of a tenant.
 */
class AnyUser implements Verifier<TurnPrincipal> {
  find(username: string): User<TurnPrincipal> {
    const [, expiry, name = username] = /^(\d+):(.*)$/.exec(username) ?? [];
    const [, tenant] = /^(\w+)\/turn\//.exec(name) ?? [];
    return {
      principal: {
        username,
        user: name,
        ...(tenant !== undefined && { tenant }),
        ...(expiry !== undefined && { expiresAtSeconds: Number(expiry) }),
      },
      isRemembered: true,
      keysFor: (algorithm: PasswordAlgorithm) => [
        longTermKey(algorithm, username, REALM.name, PASSWORD),
      ],
      proved: () => {},
    };
  }
}

/** The only user that a world with `authenticate` knows itself. */
export const STATIC_USER = 'static';

/** Options of a world besides those of `Turn`. */
export interface WorldOptions extends Partial<TurnOptions> {
  /** Looks up every user but `STATIC_USER`. Default: every username is known. */
  readonly authenticate?: Authenticate;
  /** The server's own sockets. Default: none. */
  readonly sockets?: OwnSockets;
}

/** A TURN server on a fake data plane, and the datagrams that it sends. */
export class TurnWorld {
  readonly clock = new TestClock();
  readonly sent: OutgoingDatagram[] = [];
  readonly plane = new FakeTurnPlane((datagram) => this.sent.push(datagram));
  readonly proven = new ProvenClients(
    { putKnownClient: () => {}, removeKnownClient: () => {} },
    this.clock,
  );
  readonly turn: Turn;
  readonly nonces = new NonceIssuer({
    secret: new Uint8Array(32),
    features: featuresOf(REALM),
    clock: this.clock,
    lifetimeSeconds: 3_600,
  });
  readonly #server: StunServer;
  #entropy = 0;

  /** Different bytes at each call, the same in each run. */
  readonly random = (bytes: number): Uint8Array => {
    this.#entropy += 1;
    const digest = createHash('sha256').update(String(this.#entropy)).digest();
    return Uint8Array.from({ length: bytes }, (_, index) => digest[index % 32] as number);
  };

  /** Why calls of `authenticate` have failed, with what they threw. */
  readonly lookupFailures: { readonly reason: string; readonly error: unknown }[] = [];
  /** Internal errors in what is done later than a request. */
  readonly faults: unknown[] = [];
  readonly lookups: UserLookups<TurnPrincipal> | undefined;
  readonly context: ServerContext;

  constructor({ authenticate, sockets, ...options }: WorldOptions = {}) {
    const { clock, random } = this;
    if (sockets !== undefined) Object.assign(this.plane, sockets);
    this.lookups = authenticate && this.#lookupsOf(authenticate);
    const context = {
      plane: this.plane,
      budgets: new StrangerBudgets({ perSecond: 1_000, burst: 1_000, clock, random }),
      proven: this.proven,
      stats: new ServerStats(),
      log: { dropped: () => {}, unauthenticated: () => {} },
    };
    this.context = context;
    this.turn = new Turn({
      plane: this.plane,
      server: context,
      realm: REALM,
      verifier: authenticate === undefined ? new AnyUser() : onlyStaticUser(),
      lookups: this.lookups,
      contain: (action) => this.#contain(action),
      nonces: this.nonces,
      relayedAddresses: [RELAY_V4, RELAY_V6],
      ports: { min: 50_000, max: 50_999 },
      policy: POLICY,
      limits: { allocationsMax: 100, userQuota: 100, permissionsMax: 10, channelsMax: 10 },
      clock,
      random,
      log: new TurnLog(clock),
      ...options,
    });
    const answers = options.authenticatesBinding === true ? 'authenticated' : 'open';
    const binding = new BindingUsage(context, this.turn, { answers });
    this.#server = new StunServer(context, binding, [binding, this.turn]);
  }

  #lookupsOf(authenticate: Authenticate): UserLookups<TurnPrincipal> {
    return new UserLookups({
      lookUp: hookLookUp(authenticate, REALM.name),
      timeoutMs: 5_000,
      isProven: (client) => this.context.budgets.isProven(client),
      clock: this.clock,
      log: { lookupFailed: (reason, error) => void this.lookupFailures.push({ reason, error }) },
      contain: (action) => this.#contain(action),
    });
  }

  #contain(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.faults.push(error);
    }
  }

  /** Lets the server receive one datagram, and waits until it has done all that it can. */
  async receive(data: Uint8Array, tuple: OutgoingDatagram['tuple'], worker: number): Promise<void> {
    // The batch that the datagram is a view of is overwritten, as a data plane may.
    const batch = new Uint8Array(data);
    this.#server.receive({ side: 'client', known: false, worker, tuple, data: batch });
    batch.fill(0xff);
    await setImmediate();
  }

  /** Removes and returns the messages sent to a client. */
  takeFor({ address, port }: TransportAddress): StunMessage[] {
    const isFor = ({ tuple: { remote } }: OutgoingDatagram) =>
      remote.address === address && remote.port === port;
    const taken = this.sent.filter(isFor);
    const rest = this.sent.filter((each) => !isFor(each));
    this.sent.splice(0, this.sent.length, ...rest);
    return taken.map(({ data }) => {
      const decoded = decodeMessage(data);
      if (!decoded.ok) throw new Error(`the server sent no STUN message: ${decoded.reason}`);
      return decoded.message;
    });
  }

  /** Lets time pass in steps of a second, with the ticks that a server makes. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.clock.advance(1_000);
      while (this.turn.tick());
    }
    await setImmediate();
  }

  /** The handle of the only endpoint that is open. */
  get onlyEndpoint(): TransportHandle {
    const [handle, another] = this.plane.endpoints.keys();
    if (handle === undefined || another !== undefined) throw new Error('not exactly one endpoint');
    return handle;
  }
}

/** The 5-tuple of a client at the server's first listener. */
export function tupleOf(remote: TransportAddress): OutgoingDatagram['tuple'] {
  return { handle: listenerHandle('client', 0), remote };
}

function onlyStaticUser(): TurnVerifier {
  const text = `${STATIC_USER}:${PASSWORD}`;
  const sources = [StaticUsers.parse({ given: [{ source: 'test', text }] })];
  return new TurnVerifier({ realm: REALM.name, sources, hasLookups: true });
}
