import { pino } from 'pino';
import t from 'tap';
import { MetricRegistry } from '../../src/metrics/metric-registry.js';
import { TURN_METRICS } from '../../src/metrics/turn-metrics.js';
import { showDataPlane } from '../../src/native/data-plane-metrics.js';
import type { XdpStatus } from '../../src/native/types.js';
import type { XdpFinding } from '../../src/native/xdp-finding.js';
import { XdpLog } from '../../src/native/xdp-log.js';
import { RelayMetrics } from '../../src/relay/metrics.js';
import { World } from '../relay/world/index.js';

interface Line {
  readonly event: string;
  readonly msg: string;
  readonly device?: string;
}

function setUp(status: Partial<XdpStatus> = {}) {
  const lines: Line[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const plane: { xdp: XdpStatus } = {
    xdp: {
      mode: 'native',
      interfaces: ['eth0', 'eth1'],
      attached: ['eth0', 'eth1'],
      leftOut: [],
      passedBy: [],
      farEnds: [],
      ...status,
    },
  };
  let now = 0;
  const clock = { now: () => now, monotonic: () => now };
  const notices = new XdpLog(plane, clock, logger);
  const taken = () => lines.splice(0).map(({ msg }) => msg);
  const after = (ms: number, changed: Partial<XdpStatus> = {}) => {
    plane.xdp = { ...plane.xdp, ...changed };
    now += ms;
    notices.check();
    return taken();
  };
  return { taken, after };
}

const nat: XdpFinding = {
  kind: 'nat',
  what: 'nftables dnat in inet t c',
  clientAddresses: [{ address: '192.0.2.1', port: 3478 }],
  trunkAddresses: [{ address: '2001:db8::1', port: 3480 }],
  relayedAddresses: [],
};

const filter = (what: string): XdpFinding => ({ ...nat, kind: 'filter', what, trunkAddresses: [] });

t.test('nothing is logged if XDP is not configured', async (t) => {
  const { taken, after } = setUp({ mode: 'off', interfaces: [], attached: [] });
  t.same(taken(), []);
  t.same(after(10_000), []);
});

t.test('the mode of XDP is logged once', async (t) => {
  const { taken, after } = setUp();
  t.same(taken(), ['forwarding by XDP on eth0, eth1']);
  t.same(after(10_000), []);
  t.match(setUp({ mode: 'generic' }).taken(), ["forwarding by the kernel's slow emulation of XDP"]);
  t.same(setUp({ mode: 'off', reason: 'no rights' }).taken(), [
    'no XDP, forwarding by sockets: no rights',
  ]);
});

t.test(
  'addresses left to the sockets are logged in one line, at the start and on a change',
  async (t) => {
    const { taken, after } = setUp({ leftOut: [nat] });
    const line =
      'XDP leaves to the sockets what this host changes: ' +
      '192.0.2.1:3478, trunk [2001:db8::1]:3480: nftables dnat in inet t c';
    t.same(taken(), ['forwarding by XDP on eth0, eth1', line]);
    t.same(after(1_000), []);
    t.same(after(999, { leftOut: [] }), [], 'before the next check');
    t.same(after(1), ['nothing is left to the sockets any more']);
    const device = { ...nat, kind: 'tc' as const, what: 'filters', device: 'eth0' };
    t.match(after(1_000, { leftOut: [device, nat] }), [/ changes: eth0: filters; 192\.0\.2\.1/]);
    const many = Array.from({ length: 20 }, (_, index) => ({ ...nat, what: `rule ${index}` }));
    t.match(after(1_000, { leftOut: many }), [/rule 7; and 12 more$/]);
  },
);

t.test('each filter that XDP bypasses is logged once', async (t) => {
  const { taken, after } = setUp({ passedBy: [filter('drop in a')] });
  t.match(taken(), [/^forwarding/, /--xdp-strict .*: 192\.0\.2\.1:3478: drop in a$/]);
  t.same(after(5_000), []);
  const both = [filter('drop in a'), filter('drop in b')];
  t.match(after(1_000, { passedBy: both }), [/: 192\.0\.2\.1:3478: drop in b$/]);
  t.same(after(1_000, { passedBy: [filter('drop in b')] }), []);
});

t.test('each loss and each return of a device is logged', async (t) => {
  const { taken, after } = setUp();
  taken();
  t.match(after(1_000, { attached: ['eth1'] }), [/^no XDP on eth0, /]);
  t.same(after(1_000), []);
  t.same(after(1_000, { attached: ['eth0', 'eth1'] }), ['forwarding by XDP on eth0 again']);
});

t.test('a device that a rule leaves to the sockets is not logged as lost', async (t) => {
  const { taken, after } = setUp();
  taken();
  const leftOut = [{ ...nat, clientAddresses: [], device: 'eth0', what: 'filters' }];
  t.match(after(1_000, { attached: ['eth1'], leftOut }), [/^XDP leaves to the sockets/]);
  t.same(after(1_000, { attached: ['eth0', 'eth1'], leftOut: [] }), [
    'forwarding by XDP on eth0 again',
    'nothing is left to the sockets any more',
  ]);
});

t.test('a veth whose other end takes nothing, or may not, is logged once', async (t) => {
  const { taken, after } = setUp({ farEnds: [{ device: 'eth0', program: 'none' }] });
  t.match(taken(), [
    /^forwarding by XDP/,
    /^what XDP sends back through eth0 is lost: the other end .* has no XDP program; attach one /,
  ]);
  t.same(after(1_000), []);
  const farEnds = [
    { device: 'eth0', program: 'none' },
    { device: 'eth1', program: 'unknown' },
  ] as const;
  t.match(after(1_000, { farEnds }), [
    /^what XDP sends back through eth1 is lost if the other end .*, which .* cannot see; attach /,
  ]);
  t.same(after(1_000, { farEnds: [] }), [
    'what XDP sends back through eth0 is no longer lost',
    'what XDP sends back through eth1 is no longer lost',
  ]);
});

t.test(
  'the metric counts the addresses and devices that are left to the sockets, not the rules',
  async (t) => {
    const fra = new World().addRelay('fra-1', '192.0.2.10');
    const address = { address: '192.0.2.10', port: 3478 };
    const other = { address: '192.0.2.10', port: 3480 };
    const finding = (kind: XdpFinding['kind'], device?: string): XdpFinding => ({
      kind,
      what: 'a rule',
      clientAddresses: device === undefined ? [address] : [],
      trunkAddresses: [],
      relayedAddresses: [],
      ...(device !== undefined && { device }),
    });
    const leftOut = [
      finding('nat'),
      { ...finding('nat'), trunkAddresses: [other] },
      { ...finding('nat'), relayedAddresses: ['192.0.2.10'] },
      finding('tc'),
      finding('tc', 'eth1'),
      finding('tc', 'eth1'),
    ];
    const plane = Object.create(fra.plane, { xdp: { value: { ...fra.plane.xdp, leftOut } } });
    const text = await new RelayMetrics(fra.core, plane).text();
    t.match(text, 'turnpike_relay_xdp_left_out{reason="nat"} 3');
    t.match(text, 'turnpike_relay_xdp_left_out{reason="tc"} 2');
    const registry = new MetricRegistry(TURN_METRICS, 'turn');
    showDataPlane(registry, 'turn', plane);
    const turn = await registry.text();
    t.match(turn, 'turnpike_turn_xdp_left_out{reason="nat"} 3', 'of a TURN server likewise');
    t.match(turn, 'turnpike_turn_xdp_left_out{reason="tc"} 2');
  },
);
