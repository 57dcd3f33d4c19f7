// The tests of the data of allocations once more; each relayed port receives by its own socket.
import { turnSteeringOff } from '../steering.js';

turnSteeringOff();
await import('./serving.test.js');
await import('./early-data.test.js');
await import('./user-bandwidth.test.js');
await import('./client-habits.test.js');
await import('./traffic-class.test.js');
