import t, { type Test } from 'tap';
import { Directory } from '../../src/directory/index.js';
import { RegistrationClient } from '../../src/relay/registration-client.js';
import { API_KEYS, CLUSTER_SECRET, IDLE, keyOf, relayRecord } from '../directory/fixtures.js';
import { ownLoopback } from '../setup/own-loopback.js';
import { until } from '../until.js';

/** A relay's registration client, and what the directory has appointed it to. */
function relay(test: Test, directoryUrl: string, id: string, host: number) {
  const record = relayRecord(id, host);
  const roles: (string | undefined)[] = [];
  const reports: object[] = [];
  const client = new RegistrationClient({
    directoryUrl,
    id,
    registrationKey: keyOf(id),
    record: () => record,
    load: () => IDLE,
    draining: () => false,
    onRegistry: () => {},
    onStart: () => {},
    onSuperseded: () => {},
    measurements: {
      report: () => {
        const isRead = roles.at(-1) !== undefined;
        const trunk = [{ relay: 'x-1', rtt: 83.2, jitter: 0.6, loss: [0.001, null], count: 10 }];
        const report = isRead ? { trunk: trunk as never } : {};
        reports.push(report);
        return report;
      },
      answered: (measure) => roles.push(measure),
    },
  });
  client.start();
  test.teardown(() => client.stop());
  return { client, roles, reports, id };
}

t.test('the directory appoints a prober and a standby, and the standby follows', async (t) => {
  const listen = { address: ownLoopback(), port: 0 };
  const options = { listen, clusterSecret: CLUSTER_SECRET, apiKeys: API_KEYS };
  const directory = await Directory.open(options);
  t.teardown(() => directory.close());
  const relays = [1, 2, 3].map((n) => relay(t, directory.url, `fra-${n}`, n));
  const role = (name: string) => relays.filter(({ roles }) => roles.at(-1) === name);
  const appointed = () =>
    role('prober').length === 1 && role('standby').length === 1 && role('none').length === 1;
  await until(appointed);
  for (const { reports } of relays) t.same(reports[0], {}, 'nothing before the first answer');
  const prober = role('prober')[0];
  const standby = role('standby')[0];
  await until(() => prober?.reports.some((report) => 'trunk' in report) === true);
  await prober?.client.stop();
  await until(() => standby?.roles.at(-1) === 'prober');
  t.pass('a relay that leaves is followed by its standby');
});
