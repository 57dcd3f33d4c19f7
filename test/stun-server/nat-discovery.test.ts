import t from 'tap';
import type { TransportAddress } from '../../src/address.js';
import { StrangerBudgets } from '../../src/auth/stranger-budgets.js';
import { listenerHandle } from '../../src/native/transport-handle.js';
import type { OutgoingDatagram } from '../../src/native/types.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { BindingUsage } from '../../src/stun-server/binding-usage.js';
import { NatDiscovery, RESPONSE_PADDING_BYTES_MAX } from '../../src/stun-server/nat-discovery.js';
import { ProvenClients } from '../../src/stun-server/proven-clients.js';
import { type ServerContext, ServerStats } from '../../src/stun-server/server-context.js';
import { StunServer } from '../../src/stun-server/stun-server.js';
import { ManualClock } from '../relay/world/index.js';

const [A, B, V6] = ['10.0.0.1', '10.0.0.2', '2001:db8::1'];
/** Two IP addresses with two ports each, and one of another family that has no other. */
const LISTEN = [
  { address: A, port: 3_478 },
  { address: V6, port: 3_478 },
  { address: B, port: 3_478 },
  { address: A, port: 3_479 },
  { address: B, port: 3_479 },
];
const OUTSIDE = '198.51.100.1';
const CLIENT = { address: '192.0.2.1', port: 5_000 };
const CHANGE_IP = 4;
const CHANGE_PORT = 2;

function server({ burst = 100, discovers = true } = {}) {
  const clock = new ManualClock();
  const random = (bytes: number) => new Uint8Array(bytes).fill(7);
  const sent: OutgoingDatagram[] = [];
  const known = { putKnownClient: () => {}, removeKnownClient: () => {} };
  const context: ServerContext = {
    plane: { send: (datagrams) => sent.push(...datagrams) },
    budgets: new StrangerBudgets({ perSecond: 100, burst, clock, random }),
    proven: new ProvenClients(known, clock),
    stats: new ServerStats(),
    log: { dropped: () => {}, unauthenticated: () => {} },
  };
  const discovery = new NatDiscovery(LISTEN, (ip) => (ip === A ? OUTSIDE : ip));
  const usage = { knownAttributes: new Set<number>(), heard: () => {} };
  const binding = new BindingUsage(context, usage, discovers ? { discovery } : {});
  const stun = new StunServer(context, binding, [binding]);
  /** @param at - the index of the address that is asked */
  const ask = (at: number, write: (request: MessageWriter) => void = () => {}) => {
    sent.length = 0;
    const request = new MessageWriter('request', Method.Binding, new Uint8Array(12));
    write(request);
    const tuple = { handle: listenerHandle('client', at), remote: CLIENT };
    stun.receive({ side: 'client', known: false, worker: 3, tuple, data: request.finish() });
    const [answer] = sent;
    if (answer === undefined) return undefined;
    const decoded = decodeMessage(answer.data);
    if (!decoded.ok) throw new Error(decoded.reason);
    const { message } = decoded;
    const from = LISTEN.findIndex(
      (_, index) => listenerHandle('client', index) === answer.tuple.handle,
    );
    return {
      from,
      to: answer.tuple.remote,
      worker: answer.worker,
      bytes: answer.data.length,
      error: message.errorCode()?.code,
      unknown: message.unknownAttributes(),
      mapped: message.address(AttributeType.MappedAddress),
      xorMapped: message.address(AttributeType.XorMappedAddress),
      origin: message.address(AttributeType.ResponseOrigin),
      other: message.address(AttributeType.OtherAddress),
      padding: message.get(AttributeType.BindingPadding)?.length,
    };
  };
  return { ask, stats: context.stats };
}

const told = ({ address, port }: TransportAddress) => ({
  address: address === A ? OUTSIDE : address,
  port,
});

const flags = (value: number) => (request: MessageWriter) =>
  request.u32(AttributeType.ChangeRequest, value);

const responsePort = (port: number) => (request: MessageWriter) =>
  request.u32(AttributeType.ResponsePort, port * 0x1_0000);

t.test('an answer names the address that it leaves from, and the other one', async (t) => {
  const { ask } = server();
  t.match(ask(0), {
    ...{ from: 0, to: CLIENT, worker: 3, mapped: CLIENT, xorMapped: CLIENT },
    ...{ origin: { address: OUTSIDE, port: 3_478 }, other: { address: B, port: 3_479 } },
  });
  t.match(ask(2), {
    ...{ from: 2, origin: { address: B, port: 3_478 } },
    other: { address: OUTSIDE, port: 3_479 },
  });
  t.match(ask(4), { from: 4, other: { address: OUTSIDE, port: 3_478 } });
});

t.test('CHANGE-REQUEST decides which socket an answer leaves by', async (t) => {
  const { ask } = server();
  const both = CHANGE_IP | CHANGE_PORT;
  for (const [at, asked, from] of [
    ...[[0, 0, 0] as const, [0, CHANGE_IP, 2] as const, [0, CHANGE_PORT, 3] as const],
    ...[[0, both, 4] as const, [4, both, 0] as const, [4, CHANGE_IP, 3] as const],
    ...[[3, CHANGE_PORT, 0] as const, [2, CHANGE_PORT, 4] as const],
  ]) {
    const answer = ask(at, flags(asked));
    t.match(answer, { from, to: CLIENT, xorMapped: CLIENT }, `${asked} at ${at}`);
    t.same(answer?.origin, told(LISTEN[from] as TransportAddress));
  }
});

t.test(
  'without another address there is no OTHER-ADDRESS, and CHANGE-REQUEST is unknown',
  async (t) => {
    const { ask } = server();
    t.match(ask(1), { from: 1, mapped: CLIENT, origin: undefined, other: undefined });
    t.match(ask(1, flags(CHANGE_IP)), {
      ...{ from: 1, to: CLIENT, error: 420, unknown: [AttributeType.ChangeRequest] },
    });
  },
);

t.test('RESPONSE-PORT says where an answer goes', async (t) => {
  const { ask } = server();
  t.match(ask(0, responsePort(6_000)), { to: { ...CLIENT, port: 6_000 }, xorMapped: CLIENT });
  t.match(ask(0, responsePort(0)), { to: CLIENT, error: 400 });
  const malformed = (request: MessageWriter) =>
    request.bytes(AttributeType.ResponsePort, new Uint8Array(2));
  t.match(ask(0, malformed), { to: CLIENT, error: 400 });
  const changeless = (request: MessageWriter) =>
    request.bytes(AttributeType.ChangeRequest, new Uint8Array(2));
  t.match(ask(0, changeless), { from: 0, error: 400 });
});

t.test('PADDING is answered by as much, and never together with RESPONSE-PORT', async (t) => {
  const { ask } = server();
  const padding = (bytes: number) => (request: MessageWriter) =>
    request.bytes(AttributeType.BindingPadding, new Uint8Array(bytes));
  for (const [given, padded] of [
    ...[[4, 4] as const, [1_400, 1_400] as const],
    [RESPONSE_PADDING_BYTES_MAX + 100, RESPONSE_PADDING_BYTES_MAX] as const,
  ]) {
    t.match(ask(0, padding(given)), { padding: padded, error: undefined });
  }
  const both = (request: MessageWriter) =>
    responsePort(6_000)(request.paddedTo(0)) && padding(8)(request);
  t.match(ask(0, both), { to: CLIENT, error: 400 });
});

t.test(
  'a redirected answer is paid from the budget of the source, whatever its length',
  async (t) => {
    const { ask, stats } = server({ burst: 2 });
    const long = (request: MessageWriter) => flags(CHANGE_IP)(request).paddedTo(400);
    t.match(ask(0, long), { from: 2 });
    t.match(ask(0, long), { from: 2 });
    t.equal(ask(0, long), undefined);
    t.equal(stats.client.over_binding_budget, 1);
    const unchanged = (request: MessageWriter) => flags(0)(request).paddedTo(400);
    t.match(ask(0, unchanged), { from: 0 });
  },
);

t.test('an answer is at most 124 bytes longer than its request', async (t) => {
  const { ask } = server();
  const fingerprint = (request: MessageWriter) => request.fingerprint();
  const longest = ask(0, fingerprint);
  t.ok(longest !== undefined && longest.bytes <= 124, `${longest?.bytes}`);
});

t.test('where it is off, nothing of it is there', async (t) => {
  const { ask } = server({ discovers: false });
  t.match(ask(0), { from: 0, mapped: undefined, origin: undefined, other: undefined });
  t.match(ask(0, flags(0)), { error: 420, unknown: [AttributeType.ChangeRequest] });
  t.match(ask(0, responsePort(6_000)), { to: CLIENT, error: 420 });
});

t.test('addresses that do not complete each other are refused', async (t) => {
  const refused = (listen: readonly TransportAddress[]) =>
    t.throws(() => new NatDiscovery(listen, (ip) => ip), { code: 'ERR_TURNPIKE_CONFIG' });
  refused([{ address: A, port: 3_478 }]);
  refused(LISTEN.slice(0, 4));
  refused(LISTEN.map(({ port }) => ({ address: port === 3_478 ? '0.0.0.0' : A, port })));
  refused(LISTEN.map(({ address, port }) => ({ address: address === B ? V6 : address, port })));
});
