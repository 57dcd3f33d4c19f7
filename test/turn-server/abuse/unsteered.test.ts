// The tests of abuse that reaches relayed addresses once more; each receives by its own socket.
import { turnSteeringOff } from '../../steering.js';

turnSteeringOff();
await import('./lengths.test.js');
await import('./loops.test.js');
await import('./others.test.js');
await import('./reflection.test.js');
