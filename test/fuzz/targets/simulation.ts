import { matrixForm, parseMatrix } from '../../../bench/simulate/world/matrices/matrix.js';
import { isSiteList, parseSiteList } from '../../../bench/simulate/world/matrices/sites.js';
import { MatrixError, parseTable } from '../../../bench/simulate/world/matrices/table.js';
import { assertThat, bytesOf, type FuzzTarget, textOf } from '../target.js';

const matrices: FuzzTarget = {
  name: 'latency-matrix',
  about: 'matrices of round-trip times and lists of their sites, for the simulation',
  seeds: () =>
    [
      'from\ta\tb\tc\na\t\t1.5\t2\nb\t1\t\t3/4/0.1\nc\t-\tnan\t0\n',
      'Source,a,b,c,\na,,1,2,\nb,1,,3,\nc,2,3,,\n',
      'from\tto\tmin\tavg\tmax\tmdev\na\tb\t1\t2\t3\t0.1\nb\tc\t2\t2\t2\t0\n',
      '# upper triangle; tenths of a ms\n10/11/1\t20/21/1\n-\n',
      'name,lat,lon\na,50.1,8.7\nb,-33.9,151.2\n',
    ].map(bytesOf),
  words: [
    '\t',
    ',',
    '/',
    '-',
    'NaN',
    '1e999',
    '\r\n',
    '# upper triangle\n',
    'from\tto\trtt\n',
    'lat',
  ],
  run: (input) => {
    const table = parseTable('fuzz.tsv', textOf(input));
    try {
      if (isSiteList(table)) return `sites ${Math.min(3, parseSiteList(table).sites.length)}`;
      const form = matrixForm(table);
      if (form === undefined) return 'none';
      const { size, rttMs } = parseMatrix(table, form);
      for (let a = 0; a < size; a++) {
        assertThat(rttMs[a * size + a] === 0, 'a site is not at itself');
        for (let b = 0; b < a; b++) {
          const [there, back] = [rttMs[a * size + b] as number, rttMs[b * size + a] as number];
          assertThat(Object.is(there, back), 'directions differ');
          assertThat(Number.isNaN(there) || there >= 0, 'a negative round trip');
        }
      }
      return `${form} ${Math.min(3, size)}`;
    } catch (error) {
      if (error instanceof MatrixError) return error.message.replace(/[0-9]+|'.*'/gs, '');
      throw error;
    }
  },
};

export const SIMULATION: readonly FuzzTarget[] = [matrices];
