import t from 'tap';
import { ClientAuthenticator } from '../../src/auth/client-authenticator.js';
import { tenantRoot, tenantSecret } from '../../src/auth/keys.js';
import { NonceIssuer } from '../../src/auth/nonce.js';
import type { TenantPrincipal } from '../../src/auth/principal.js';
import { featuresOf, type Realm } from '../../src/auth/realm.js';
import { StrangerBudgets } from '../../src/auth/stranger-budgets.js';
import { passwordFor } from '../../src/auth/tenant-credentials.js';
import { TenantVerifier } from '../../src/auth/tenant-verifier.js';
import { listenerHandle } from '../../src/native/transport-handle.js';
import type { OutgoingDatagram } from '../../src/native/types.js';
import { OVERLAY_REALM } from '../../src/overlay/leg-credentials.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage, type StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import type { AuthenticatedRequest } from '../../src/stun-server/authenticated-request.js';
import { Authenticator } from '../../src/stun-server/authenticator.js';
import { BindingUsage } from '../../src/stun-server/binding-usage.js';
import { knownAttributes, type MethodTable } from '../../src/stun-server/method-table.js';
import { ProvenClients } from '../../src/stun-server/proven-clients.js';
import { type ServerContext, ServerStats } from '../../src/stun-server/server-context.js';
import { StunServer } from '../../src/stun-server/stun-server.js';
import type { Received, Usage } from '../../src/stun-server/usage.js';
import { ManualClock } from '../relay/world/index.js';

const ROOT = tenantRoot(new Uint8Array(32));
const TUPLE = {
  handle: listenerHandle('client', 0),
  remote: { address: '192.0.2.1', port: 5_000 },
};

/** A usage with credentials that name a user, and with one method. */
class UserUsage implements Usage {
  readonly handled: string[] = [];
  readonly #methods: MethodTable<AuthenticatedRequest<TenantPrincipal<string>>> = new Map([
    [
      Method.CreatePermission,
      {
        attributes: [AttributeType.XorPeerAddress],
        handle: ({ principal }) => this.handled.push(`${principal.tenant} ${principal.claims}`),
      },
    ],
  ]);
  readonly knownAttributes = knownAttributes(this.#methods);
  readonly #authenticator: Authenticator<TenantPrincipal<string>>;

  constructor(context: ServerContext, realm: Realm, clock: ManualClock) {
    this.#authenticator = new Authenticator(context, {
      realm,
      verifier: new TenantVerifier({
        tenantRoot: ROOT,
        realm: realm.name,
        claimsOf: (_, subject) => (/^[a-z]+$/.test(subject) ? subject : undefined),
      }),
      nonces: new NonceIssuer({
        secret: ROOT,
        features: featuresOf(realm),
        clock,
        lifetimeSeconds: 600,
      }),
    });
  }

  owns({ method }: StunMessage): boolean {
    return method !== Method.Connect;
  }

  heard(): void {
    this.handled.push('heard');
  }

  receive(received: Received): void {
    const request = this.#authenticator.authenticate(received);
    if (request === undefined) return;
    const { unknownAttributes: unknown, method } = request;
    const entry = this.#methods.get(method);
    if (unknown.length > 0) this.handled.push(`unknown ${unknown.join()}`);
    else if (entry === undefined) this.handled.push(`no method ${method}`);
    else entry.handle(request);
  }
}

/** Makes a server with Binding and UserUsage. */
function server(realm = 'users') {
  const clock = new ManualClock();
  const random = (bytes: number) => new Uint8Array(bytes).fill(7);
  const sent: OutgoingDatagram[] = [];
  const known = { putKnownClient: () => {}, removeKnownClient: () => {} };
  const context: ServerContext = {
    plane: { send: (datagrams) => sent.push(...datagrams) },
    budgets: new StrangerBudgets({ perSecond: 100, burst: 100, clock, random }),
    proven: new ProvenClients(known, clock),
    stats: new ServerStats(),
    log: { dropped: () => {}, unauthenticated: () => {} },
  };
  const users = new UserUsage(context, { ...OVERLAY_REALM, name: realm }, clock);
  const binding = new BindingUsage(context, users);
  const stun = new StunServer(context, binding, [binding, users]);
  const receive = (writer: MessageWriter): StunMessage | undefined => {
    sent.length = 0;
    const data = writer.finish();
    stun.receive({ side: 'client', known: false, worker: 0, tuple: TUPLE, data });
    const decoded = sent[0] && decodeMessage(sent[0].data);
    return decoded?.ok ? decoded.message : undefined;
  };
  return { receive, handled: users.handled, stats: context.stats, clock };
}

const request = (method: number) => new MessageWriter('request', method, new Uint8Array(12));

t.test(
  'a request goes to the usage that owns it, and one without an owner is ignored',
  async (t) => {
    const { receive, handled } = server();
    t.same(receive(request(Method.Binding))?.address(AttributeType.XorMappedAddress), TUPLE.remote);
    t.equal(receive(request(Method.CreatePermission))?.errorCode()?.code, 401);
    t.equal(receive(request(Method.Connect)), undefined);
    t.same(handled, ['heard']);
  },
);

t.test('a Binding indication is reported as heard, with or without attributes', async (t) => {
  const { receive, handled, stats } = server();
  for (const padded of [20, 40]) {
    const indication = new MessageWriter('indication', Method.Binding, new Uint8Array(12));
    t.equal(receive(indication.paddedTo(padded)), undefined);
  }
  t.same(handled, ['heard', 'heard']);
  t.equal(stats.client.indications, 2);
  t.equal(stats.client.requests, 0);
});

t.test('a challenge with a long realm uses the budget by its length', async (t) => {
  for (const [realm, challenges] of [
    ['r'.repeat(16), 100],
    ['r'.repeat(17), 50],
    ['r'.repeat(120), 50],
    ['r'.repeat(700), 14],
  ] as const) {
    const { receive, stats } = server(realm);
    for (let sent = 0; sent < 200; sent += 1) receive(request(Method.CreatePermission));
    t.equal(stats.client.challenges, challenges, `${realm.length} bytes`);
  }
});

t.test('a usage has its own realm, claims, methods and attributes', async (t) => {
  const { receive, handled } = server();
  const username = '1800000000:acme/alice';
  const password = passwordFor(tenantSecret(ROOT, 'acme'), username);
  const credentials = new ClientAuthenticator({ username, password });
  const challenge = receive(request(Method.CreatePermission));
  t.equal(challenge?.text(AttributeType.Realm), 'users');
  if (challenge) credentials.check(challenge, credentials.sign(request(Method.CreatePermission)));
  const signed = (method: number, attribute?: number) => {
    const writer = request(method);
    if (attribute !== undefined) writer.u32(attribute, 0);
    credentials.sign(writer);
    return writer;
  };
  t.equal(receive(signed(Method.CreatePermission)), undefined);
  receive(signed(Method.CreatePermission, AttributeType.XorPeerAddress));
  receive(signed(Method.CreatePermission, AttributeType.ConnectionRole));
  receive(signed(Method.Refresh));
  t.same(handled, [
    'acme alice',
    'acme alice',
    `unknown ${AttributeType.ConnectionRole}`,
    `no method ${Method.Refresh}`,
  ]);
});

t.test(
  'a wrong password is answered with the nonce of its request while that is fresh',
  async (t) => {
    const { receive, clock } = server();
    const username = '1800000000:acme/alice';
    const credentials = new ClientAuthenticator({ username, password: 'wrong' });
    const challenge = receive(request(Method.CreatePermission));
    if (challenge) credentials.check(challenge, credentials.sign(request(Method.CreatePermission)));
    const nonceOfAnswer = () => {
      const writer = request(Method.CreatePermission);
      credentials.sign(writer);
      const answer = receive(writer);
      t.equal(answer?.errorCode()?.code, 401);
      t.equal(answer?.text(AttributeType.Realm), 'users');
      return answer?.text(AttributeType.Nonce);
    };
    const first = challenge?.text(AttributeType.Nonce);
    clock.advance(5_000);
    t.equal(nonceOfAnswer(), first);
    clock.advance(600_000);
    t.not(nonceOfAnswer(), first, 'one that has expired is replaced');
  },
);
