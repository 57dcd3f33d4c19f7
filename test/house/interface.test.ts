import t from 'tap';
import { renderInterface } from '../../native/interface/render.js';
import { readSource } from './source-files.js';

t.test('the generated C++ headers match the description of the interface', async (t) => {
  for (const [path, text] of renderInterface()) {
    t.equal(readSource(path).text, text, `${path} (npm run build:interface)`);
  }
});
