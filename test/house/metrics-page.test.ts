import t from 'tap';
import { METRICS_BY_HEADING, METRICS_COMMAND, METRICS_PAGE, metricsPage } from './metrics-page.js';
import { readSource } from './source-files.js';

t.test(`${METRICS_PAGE} lists every metric as it is declared`, async (t) => {
  const { text } = readSource(METRICS_PAGE);
  t.equal(text, metricsPage(), `run: ${METRICS_COMMAND}`);
  for (const metrics of Object.values(METRICS_BY_HEADING)) {
    for (const name of Object.keys(metrics)) t.match(text, `| \`${name}`);
  }
});
