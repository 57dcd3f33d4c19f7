import t from 'tap';
import { catalogue } from '../../bench/load/catalogue.js';
import { type ChoiceOptions, choose, present } from '../../bench/load/choice.js';
import { ROOT } from '../../bench/load/programs.js';
import { WORKLOADS } from '../../bench/load/workloads.js';

const all = { workloads: WORKLOADS, contestants: catalogue({ variants: [] }) };

function names(options: Partial<ChoiceOptions>) {
  const { workloads, contestants } = choose(all, { quick: false, words: [], ...options });
  return {
    workloads: workloads.map(({ name }) => name),
    contestants: contestants.map(({ name }) => name),
  };
}

const ADDRESSES = {
  address: '192.0.2.1',
  relayAddresses: ['192.0.2.2', '192.0.2.3'],
  devices: [],
};

t.test('without words everything is measured', async (t) => {
  t.equal(names({}).workloads.length, WORKLOADS.length);
  t.equal(names({}).contestants.length, all.contestants.length);
});

t.test(
  'words choose workloads and contestants, and the reflectors are always included',
  async (t) => {
    const { workloads, contestants } = names({ words: ['super', 'turnpike'] });
    t.ok(workloads.length > 1 && workloads.every((name) => name.includes('super')));
    t.strictSame(contestants, ['turnpike', 'reflector', 'reflector-gso']);
  },
);

t.test('a full name chooses only that workload', async (t) => {
  t.strictSame(names({ words: ['out-1000-100B'] }).workloads, ['out-1000-100B']);
});

t.test('a word that matches nothing is refused', async (t) => {
  t.throws(() => names({ words: ['nosuch'] }), /nothing is called nosuch/);
});

t.test('a quick run has few workloads and contestants', async (t) => {
  const { workloads, contestants } = names({ quick: true });
  t.ok(workloads.length <= 4);
  t.strictSame(contestants, ['turnpike', 'turnpike-xdp', 'reflector', 'reflector-gso']);
  t.equal(names({ quick: true, words: ['out'] }).workloads.length, 3);
});

t.test('contestants that cannot run are listed with the reason', async (t) => {
  const [one] = all.contestants;
  if (one === undefined) throw new Error('no contestant');
  const absent = { ...one, name: 'absent', title: 'Absent', missing: async () => 'not installed' };
  const { contestants, omissions } = await present([one, absent]);
  t.strictSame(contestants, [one]);
  t.strictSame(omissions, [{ what: 'Absent', why: 'not installed' }]);
});

t.test('a newer coturn is a contestant of its own if its path is given', async (t) => {
  t.notOk(all.contestants.some(({ name }) => name === 'coturn-newer'));
  const newer = catalogue({ variants: [], coturnPath: '/nowhere/turnserver' }).find(
    ({ name }) => name === 'coturn-newer',
  );
  t.match(await newer?.missing(), /^\/nowhere\/turnserver is not there$/);
  const words = newer?.turn?.command(ADDRESSES) ?? [];
  t.equal(words[0], '/nowhere/turnserver');
  for (const word of ['--multiplex-peer', '--udp-gso', '--relay-ip=192.0.2.3']) {
    t.ok(words.includes(word), word);
  }
});

t.test(
  'variants with options of the data plane alone have no TURN server of their own',
  async (t) => {
    const variants = [
      { name: 'turnpike-narrow', title: 'a', options: { trunkMtuBytes: 1_200 } },
      { name: 'turnpike-nowait', title: 'a', options: { coalescingUs: 0 }, checkout: ROOT },
      { name: 'turnpike-before', title: 'b', checkout: '/nowhere' },
    ];
    const turn = WORKLOADS.find(({ name }) => name === 'turn-in-10k-100B');
    if (turn === undefined) throw new Error('no workload');
    const unfit = new Map(
      catalogue({ variants }).map((one) => [one.name, one.unfit(turn, 'namespaces')]),
    );
    t.match(unfit.get('turnpike-narrow'), /no option trunkMtuBytes/);
    for (const name of [
      'turnpike',
      'turnpike-nowait',
      'turnpike-before',
      'reflector',
      'coturn',
      'pion',
    ]) {
      t.equal(unfit.get(name), undefined, name);
    }
    const nowait = catalogue({ variants }).find(({ name }) => name === 'turnpike-nowait');
    t.match(nowait?.turn?.command(ADDRESSES).at(-1), /"coalescingUs":0/);
    t.ok(unfit.get('turnpike-xdp') && unfit.get('xdp-redirect') && unfit.get('kernel-forwarding'));
  },
);

t.test('XDP contestants take part only in workloads that they can forward', async (t) => {
  const unfit = (name: string, flow: string) => {
    const contestant = all.contestants.find((one) => one.name === name);
    const workload = WORKLOADS.find((one) => one.name === flow);
    if (contestant === undefined || workload === undefined) throw new Error(`${name}, ${flow}`);
    return contestant.unfit(workload, 'namespaces');
  };
  const fit = ['out-1000-mix', 'path-1000-100B', 'path-both-1000-1200B', 'turn-out-1000-100B'];
  for (const flow of [...fit, 'turn-in-1000-1200B']) {
    t.equal(unfit('turnpike-xdp', flow), undefined, flow);
  }
  t.match(unfit('turnpike-xdp', 'turn-in-1000-100B-indications'), /kept for XDP/);
  t.match(unfit('turnpike-xdp', 'same-super-1200B'), /segmentation/);
  t.match(unfit('xdp-redirect', 'path-1000-100B'), /second server/);
  t.match(unfit('kernel-forwarding', 'path-1000-100B'), /second server/);
});
