import t, { type Test } from 'tap';
import type { TransportAddress } from '../../src/address.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { bindingRequest, Remote, TestPlane, until, V4, V6 } from './planes.js';

const CHANNEL = 0x4000;
/** ICMP errors of one endpoint that are reported in a second. */
const ICMP_ERRORS_PER_SECOND = 10;

/** Port unreachable: RFC 792, RFC 4443 section 3.1. */
const UNREACHABLE = [
  { address: V4, icmpType: 3, icmpCode: 3 },
  { address: V6, icmpType: 1, icmpCode: 4 },
];

/** Opens an endpoint, and finds an address of its family without a socket. */
async function scene(t: Test, address: TransportAddress) {
  const plane = new TestPlane();
  t.teardown(() => plane.plane.close());
  const endpoint = await plane.plane.openEndpoint({ kind: 'client', address, worker: 0 });
  // The system gives nobody a port below 1,024.
  const unbound = { ...address, port: 9 };
  const peer = await Remote.open(address);
  t.teardown(() => peer.close());
  const send = (remote: TransportAddress, data: Uint8Array) =>
    plane.plane.send([{ side: 'client', tuple: { handle: endpoint.handle, remote }, data }]);
  return { plane, endpoint, unbound, peer, send };
}

t.test('an ICMP error is reported with its endpoint and the remote address', async (t) => {
  for (const { address, icmpType, icmpCode } of UNREACHABLE) {
    const { plane, endpoint, unbound, send } = await scene(t, address);
    send(unbound, Buffer.from('x'));
    await until(() => plane.events.length > 0);
    const { handle } = endpoint;
    t.match(plane.events, [{ type: 'icmp-error', handle, remote: unbound, icmpType, icmpCode }]);
    t.equal(plane.count('icmp_errors'), 1);
    await plane.plane.closeEndpoint(handle);
  }
});

t.test('ICMP errors about one peer lose no datagram of another', async (t) => {
  for (const { address } of UNREACHABLE) {
    const { plane, endpoint, unbound, peer, send } = await scene(t, address);
    const ROUNDS = 40;
    for (let round = 0; round < ROUNDS; round++) {
      send(unbound, Buffer.from('lost'));
      send(peer.address, Buffer.from(`${round}`));
      peer.send(endpoint.address, bindingRequest());
    }
    for (let round = 0; round < ROUNDS; round++) {
      t.equal((await peer.receive()).toString(), `${round}`);
    }
    await until(() => plane.count('client_rx_packets') === ROUNDS);
    await until(() => plane.count('client_tx_packets') === 2 * ROUNDS);
    t.equal(plane.count('send_errors'), 0);
    t.equal(plane.count('receive_errors'), 0);
  }
});

t.test('ICMP errors of forwarded data are reported at a limited rate', async (t) => {
  const { plane, endpoint, unbound, peer } = await scene(t, V4);
  const { handle, address } = endpoint;
  const flow = { worker: 0, tuple: { handle, remote: peer.address }, channel: CHANNEL };
  const tuple = { handle, remote: unbound };
  plane.plane.putClientFlow(flow, { type: 'client', tuple, channel: CHANNEL });
  plane.plane.send([{ side: 'client', tuple: flow.tuple, data: Buffer.from('put') }]);
  await peer.receive();
  const SENT = 200;
  for (let i = 0; i < SENT; i++) {
    peer.send(address, encodeChannelData(CHANNEL, Buffer.alloc(i)));
  }
  await until(() => plane.count('client_to_client') === SENT);
  await until(() => plane.count('icmp_errors_over_budget') > 0);
  await until(() => plane.events.length >= ICMP_ERRORS_PER_SECOND);
  t.equal(plane.count('send_errors'), 0);
  t.ok(plane.events.every((event) => event.type === 'icmp-error'));
  t.ok(plane.count('icmp_errors') < SENT / 2, 'most are only counted');
});
