// The server's own ports in the range of relay ports.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t from 'tap';
import { isTurnpikeError } from '../../src/errors.js';
import { TurnServer } from '../../src/index.js';
import { checkPortsLeft, portsLeft } from '../../src/turn-server/port-range.js';

const HOST = '127.0.0.1';
const RELAY_ADDRESSES = [{ address: '10.0.0.5', advertised: '203.0.113.5' }];

/** Returns a port that is free, and even. */
async function freePort(): Promise<number> {
  for (;;) {
    const socket = createSocket('udp4').bind(0, HOST);
    await once(socket, 'listening');
    const { port } = socket.address();
    socket.close();
    await once(socket, 'close');
    if (port % 2 === 0) return port;
  }
}

function open(listen: string, relayPorts: string): Promise<TurnServer> {
  return TurnServer.open({
    listen,
    relayPorts,
    relayAddresses: HOST,
    users: 'alice:secret',
    workers: 1,
  });
}

/** Opens a server at a free port of its range, another one if a process has taken it meanwhile. */
async function openIn(size: number): Promise<TurnServer> {
  for (;;) {
    const port = await freePort();
    try {
      return await open(`${HOST}:${port}`, `${port}-${port + size - 1}`);
    } catch (error) {
      if (!isTurnpikeError(error, 'ERR_TURNPIKE_BIND')) throw error;
    }
  }
}

t.test('a server whose port is in the range does not count it', async (t) => {
  const server = await openIn(4);
  t.teardown(() => server.close());
  t.same(server.allocationsLimit, { allocationsMax: 3, because: 'ports' });
});

t.test('a range that has no pair of ports left is an error that says so', async (t) => {
  await t.rejects(openIn(2), {
    code: 'ERR_TURNPIKE_CONFIG',
    message: /^relay ports .* \(`relayPorts`, --relay-ports\): the server itself has \d+ at 127\./,
  });
});

t.test('ports are left where no even one with the next is taken', async (t) => {
  const left = (own: readonly number[], min: number, max: number) => {
    const clientAddresses = own.map((port) => ({ address: '10.0.0.5', port }));
    const plane = { clientAddresses, trunkAddresses: [], trunkLanePorts: [] };
    const range = { relayAddresses: RELAY_ADDRESSES, ports: { min, max } };
    t.equal(portsLeft(plane, range), max - min + 1 - own.length);
    return () => checkPortsLeft(plane, range);
  };
  t.doesNotThrow(left([], 50_000, 50_001));
  t.doesNotThrow(left([50_001, 50_002], 50_000, 50_005));
  t.doesNotThrow(left([50_001], 50_001, 50_003));
  const code = 'ERR_TURNPIKE_CONFIG';
  t.throws(left([50_000], 50_000, 50_001), { code, message: / has 50000 at 10\.0\.0\.5, / });
  t.throws(left([50_003, 50_001], 50_000, 50_004), { code, message: / has 50001, 50003 at / });
});
