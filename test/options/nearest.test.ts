import t from 'tap';
import { nearestName } from '../../src/options/nearest.js';

const KNOWN = ['listen', 'trunk', 'cluster-secret-file', 'relay-secret-file', 'udp-listen', 'http'];

for (const [typed, meant] of [
  ['lisen', 'listen'],
  ['litsen', 'listen'],
  ['udpListen', 'udp-listen'],
  ['UDP_LISTEN', 'udp-listen'],
  ['clustersecretfile', 'cluster-secret-file'],
  ['relay-secret', 'relay-secret-file'],
  ['htp', 'http'],
  ['cluster', 'cluster-secret-file'],
  ['secret', undefined],
  ['banana', undefined],
  ['x', undefined],
  ['', undefined],
] as const) {
  t.equal(nearestName(typed, KNOWN), meant, JSON.stringify(typed));
}
