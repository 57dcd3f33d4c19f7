import t from 'tap';
import { AssignedLegs } from '../../src/selection/assigned-legs.js';

t.test('legs count until a report that was made after their answer', async (t) => {
  const legs = new AssignedLegs();
  const first = legs.report(undefined);
  legs.assign(5);
  t.equal(legs.unshown, 5);
  const second = legs.report(first);
  t.equal(legs.unshown, 5, 'assigned after the answer that the report knew');
  legs.assign(2);
  legs.report(second);
  t.equal(legs.unshown, 2);
});

t.test('a report that was held up counts as of when it was made', async (t) => {
  const legs = new AssignedLegs();
  const first = legs.report(undefined);
  legs.assign(5);
  const second = legs.report(first);
  legs.assign(3);
  legs.report(second);
  t.equal(legs.unshown, 3);
  legs.report(first);
  t.equal(legs.unshown, 3, 'an older report takes nothing back');
});

t.test('a relay that names no number is taken to know the last answer', async (t) => {
  const legs = new AssignedLegs();
  legs.assign(2);
  legs.report(undefined);
  t.equal(legs.unshown, 2, 'peers may not have allocated before this report');
  legs.assign(1);
  legs.report(undefined);
  t.equal(legs.unshown, 1);
});

t.test('a number that was never given counts as the newest one before', async (t) => {
  const legs = new AssignedLegs();
  const first = legs.report(undefined);
  legs.assign(4);
  legs.report(Number.MAX_SAFE_INTEGER);
  t.equal(legs.unshown, 4, 'a relay cannot name an answer that it did not get');
  legs.report(first + 0.5);
  t.equal(legs.unshown, 4);
});
