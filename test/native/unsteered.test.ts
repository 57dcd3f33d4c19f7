// The tests of relayed endpoints once more, with each endpoint receiving by its own socket.
import { turnSteeringOff } from '../steering.js';

turnSteeringOff();
await import('./allocations.test.js');
await import('./delivery.test.js');
await import('./early-data.test.js');
