// The tests of commands that serve TURN once more; each relayed port receives by its own socket.
import t from 'tap';
import { setPatience } from '../lab/keep-on-failure.js';
import { turnSteeringOff } from '../steering.js';

turnSteeringOff();
const { PATIENCE_MS } = await import('./world.js');
await import('./turn.test.js');
await import('./turn-trunk.test.js');
setPatience(t, 2 * PATIENCE_MS);
