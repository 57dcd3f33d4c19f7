import { pino } from 'pino';
import t from 'tap';
import { type TrunkLocals, WildcardSourceWatch } from '../../src/relay/wildcard-source-watch.js';
import { FakeClock } from '../directory/fixtures.js';
import { twoRelays } from './world/index.js';

t.test('the source address of trunk data follows changes of the host’s addresses', async (t) => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line).event) });
  let locals: TrunkLocals = [undefined, '2001:db8::1'];
  const applied: TrunkLocals[] = [];
  const sources = new WildcardSourceWatch({
    read: () => locals,
    apply: (changed) => applied.push(changed),
    clock,
    logger,
  });
  t.same(sources.locals, locals);
  const after = (ms: number) => {
    clock.advance(ms);
    sources.check();
    return applied.splice(0);
  };
  t.same(after(5_000), []);
  locals = ['192.0.2.1', '2001:db8::1'];
  t.same(after(999), [], 'before the next check');
  t.same(after(1), [locals], 'the advertised address was added to this host');
  t.same(sources.locals, locals);
  locals = [undefined, undefined];
  t.same(after(1_000), [locals]);
  t.same(after(1_000), []);
  t.same(lines, ['trunk-sources', 'trunk-sources']);
});

t.test('setTrunkLocals updates every trunk peer of the data plane', async (t) => {
  const { fra } = twoRelays();
  const locals = () => [...fra.plane.remoteRelays.values()].map(({ local }) => local);
  t.same(locals(), [undefined]);
  fra.core.setTrunkLocals(['192.0.2.1']);
  t.same(locals(), ['192.0.2.1']);
  fra.core.setTrunkLocals([undefined]);
  t.same(locals(), [undefined]);
});
