import t from 'tap';
import { ClientCredentials } from '../../src/auth/client-credentials.js';
import { tenantRoot, tenantSecret } from '../../src/auth/keys.js';
import { NonceIssuer } from '../../src/auth/nonce.js';
import { StrangerBudgets } from '../../src/auth/stranger-budgets.js';
import { passwordFor } from '../../src/auth/tenant-credentials.js';
import { TenantVerifier } from '../../src/auth/tenant-verifier.js';
import { listenerHandle } from '../../src/native/transport-handle.js';
import type { OutgoingDatagram } from '../../src/native/types.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage, type StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import {
  type AuthenticatedMethods,
  AuthenticatedUsage,
  knownAttributes,
} from '../../src/stun-server/authenticated-usage.js';
import { BindingUsage } from '../../src/stun-server/binding-usage.js';
import { ProvenClients } from '../../src/stun-server/proven-clients.js';
import { type ServerContext, ServerStats } from '../../src/stun-server/server-context.js';
import { StunServer } from '../../src/stun-server/stun-server.js';
import { ManualClock } from '../relay/world/index.js';

const ROOT = tenantRoot(new Uint8Array(32));
const TUPLE = {
  handle: listenerHandle('client', 0),
  remote: { address: '192.0.2.1', port: 5_000 },
};

/** A server with a usage of its own beside Binding: credentials that name a user, one method. */
function server() {
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
    onHeard: () => {},
  };
  const issuer = new NonceIssuer({ tenantRoot: ROOT, clock, lifetimeSeconds: 600 });
  const handled: string[] = [];
  const users: AuthenticatedMethods<string> = {
    realm: 'users',
    verifier: new TenantVerifier({
      tenantRoot: ROOT,
      realm: 'users',
      claimsOf: (_, subject) => (/^[a-z]+$/.test(subject) ? subject : undefined),
    }),
    methods: new Map([
      [
        Method.CreatePermission,
        {
          attributes: [AttributeType.XorPeerAddress],
          handle: ({ principal }) => handled.push(`${principal.tenant} ${principal.claims}`),
        },
      ],
    ]),
    takes: ({ method }) => method !== Method.Connect,
    issueNonce: (ip) => issuer.issue(ip),
    objection: () => undefined,
    refuseAttributes: (_, unknown) => handled.push(`unknown ${unknown.join()}`),
    refuseMethod: ({ method }) => handled.push(`no method ${method}`),
  };
  const stun = new StunServer(context, [
    new BindingUsage(context, knownAttributes(users.methods)),
    new AuthenticatedUsage(context, users, issuer),
  ]);
  const receive = (writer: MessageWriter): StunMessage | undefined => {
    sent.length = 0;
    const data = writer.finish();
    stun.receive({ side: 'client', known: false, worker: 0, tuple: TUPLE, data });
    const decoded = sent[0] && decodeMessage(sent[0].data);
    return decoded?.ok ? decoded.message : undefined;
  };
  return { receive, handled };
}

const request = (method: number) => new MessageWriter('request', method, new Uint8Array(12));

t.test(
  'each request goes to the usage that takes it, and one that none takes nowhere',
  async (t) => {
    const { receive, handled } = server();
    t.same(receive(request(Method.Binding))?.address(AttributeType.XorMappedAddress), TUPLE.remote);
    t.equal(receive(request(Method.CreatePermission))?.errorCode()?.code, 401);
    t.equal(receive(request(Method.Connect)), undefined);
    t.same(handled, []);
  },
);

t.test('a usage has its own realm, claims, methods and attributes', async (t) => {
  const { receive, handled } = server();
  const username = '1800000000:acme/alice';
  const password = passwordFor(tenantSecret(ROOT, 'acme'), username);
  const credentials = new ClientCredentials({ username, password });
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
