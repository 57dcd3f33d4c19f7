import { randomBytes } from 'node:crypto';
import t from 'tap';
import { MOBILITY_TICKET_BYTES, MobilityTickets } from '../../src/turn/mobility-tickets.js';

t.test('a ticket has its content, as 32 printable characters', async (t) => {
  const tickets = new MobilityTickets(randomBytes);
  for (const [serial, generation] of [
    [0, 0],
    [1, 2],
    [0xffff_ffff, 0xffff_ffff],
  ] as const) {
    const ticket = tickets.issue({ serial, generation });
    t.match(Buffer.from(ticket).toString(), /^[\w-]{32}$/);
    t.same(tickets.read(ticket), { serial, generation });
  }
});

t.test('what this server has not made, or somebody has changed, is no ticket', async (t) => {
  const tickets = new MobilityTickets(randomBytes);
  const ticket = tickets.issue({ serial: 7, generation: 1 });
  t.equal(new MobilityTickets(randomBytes).read(ticket), undefined, 'of another server');
  for (let index = 0; index < ticket.length; index += 1) {
    for (const bit of [1, 2, 4, 8, 16, 32, 64, 128]) {
      const changed = new Uint8Array(ticket);
      changed[index] = (changed[index] ?? 0) ^ bit;
      t.equal(tickets.read(changed), undefined, `bit ${bit} of byte ${index}`);
    }
  }
  for (const bytes of [0, 1, 31, 33, 100]) t.equal(tickets.read(randomBytes(bytes)), undefined);
  for (let tries = 0; tries < 1_000; tries += 1) {
    t.equal(tickets.read(randomBytes(MOBILITY_TICKET_BYTES)), undefined);
    t.equal(tickets.read(Buffer.from(randomBytes(24).toString('base64url'))), undefined);
  }
});

t.test('tickets of one allocation have nothing in common', async (t) => {
  const tickets = new MobilityTickets(randomBytes);
  const all = [0, 1, 2].map((generation) => tickets.issue({ serial: 1, generation }));
  const texts = all.map((each) => Buffer.from(each).toString('latin1'));
  const starts = texts.map((text) => text.slice(0, 4));
  const ends = texts.map((text) => text.slice(-4));
  t.equal(new Set([...starts, ...ends]).size, 6);
});
