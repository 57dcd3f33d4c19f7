/** A process that runs the registrations of many relays. */
import { FleetRelay } from '../../../bench/abuse/fleet-relay.js';
import { keyOf, relayRecord } from '../fixtures.js';

const [directoryUrl = '', relays = '', startMs = ''] = process.argv.slice(2);
const fleet = Array.from({ length: Number(relays) }, (_, index) => {
  const id = `r${index % 9}-${index}`;
  const record = { ...relayRecord(id, index + 1), start: Date.now() };
  return new FleetRelay({ directoryUrl, key: keyOf(id), record });
});
process.send?.('made');
process.on('disconnect', () => process.exit());
for (const relay of fleet) {
  setTimeout(() => void relay.run(), Math.random() * Number(startMs));
}
