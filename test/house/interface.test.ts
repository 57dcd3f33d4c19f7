import t from 'tap';
import { renderInterface } from '../../native/interface/render.js';
import { readSource } from './source-files.js';

t.test('the C++ side of the addon is what its description says', async (t) => {
  for (const [path, text] of renderInterface()) {
    t.equal(readSource(path).text, text, `${path} (npm run build:interface)`);
  }
});
