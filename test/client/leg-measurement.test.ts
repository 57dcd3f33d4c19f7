import t, { type Test } from 'tap';
import {
  LEG_PROBE_ANSWER_MS,
  LEG_PROBE_MS,
  LEG_ROUND_TRIPS_MAX,
  LegMeasurement,
} from '../../src/client/leg-measurement.js';
import { jitterOf, midmean } from '../../src/client/sample-statistics.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { decoded } from '../stun/messages.js';
import type { FakeRelay, Received } from './support/fake-relay.js';
import { FakeScheduler } from './support/fake-scheduler.js';
import { caughtUp, jittered, latestRefresh, pass, scene } from './support/scene.js';
import { delivered, until } from './support/until.js';

function measurement() {
  const scheduler = new FakeScheduler();
  const sent: Uint8Array[] = [];
  const leg = new LegMeasurement({
    scheduler,
    random: jittered(0xff),
    transmit: (bytes) => sent.push(bytes),
  });
  const answered = (elapsedMs: number, transmissions = 1, sinceLastMs = elapsedMs) =>
    leg.noteRequest({ isAnswered: true, transmissions, elapsedMs, sinceLastMs });
  return { leg, scheduler, sent, answered };
}

t.test('an outlier does not move the mean, and jitter is of successive round trips', async (t) => {
  t.equal(midmean([7]), 7);
  t.equal(midmean([4, 8]), 6);
  t.equal(midmean([900, 20, 21]), 21);
  t.equal(midmean([20, 22, 900, 1]), 21);
  t.equal(midmean([10, 20, 20, 20, 20, 20, 20, 5_000]), 20);
  t.equal(jitterOf([]), 0);
  t.equal(jitterOf([5]), 0);
  t.equal(jitterOf([5, 7, 4]), 2.5);
});

t.test('a report has what was measured since the one before that was delivered', async (t) => {
  const { leg, answered } = measurement();
  t.equal(leg.report(), undefined, 'nothing measured');
  answered(20);
  answered(22);
  const first = leg.report();
  t.strictSame(first?.quality, { rttMs: 21, jitterMs: 2, loss: 0, count: 2 });
  answered(24);
  t.equal(leg.report()?.quality.count, 3, 'the first was not delivered yet');
  first?.delivered();
  t.strictSame(leg.report()?.quality, { rttMs: 24, jitterMs: 0, loss: 0, count: 1 });
  first?.delivered();
  leg.report()?.delivered();
  t.equal(leg.report(), undefined);
});

t.test('a report has the newest round trips', async (t) => {
  const { leg, answered } = measurement();
  for (let each = 0; each < 40; each += 1) answered(1_000);
  for (let each = 0; each < LEG_ROUND_TRIPS_MAX; each += 1) answered(30);
  const { rttMs, jitterMs, count } = leg.report()?.quality ?? {};
  t.strictSame({ rttMs, jitterMs, count }, { rttMs: 30, jitterMs: 0, count: LEG_ROUND_TRIPS_MAX });
});

t.test('only a first transmission without an answer counts as lost', async (t) => {
  const { leg, answered } = measurement();
  answered(700, 2, 200);
  t.equal(leg.report(), undefined, 'the round trip is unknown: the answer may have been late');
  answered(600);
  answered(700, 2, 200);
  t.equal(leg.report()?.quality.loss, 0, 'sooner than any round trip: it answered the first');
  answered(1_200, 2, 700);
  t.equal(leg.report()?.quality.loss, 1 / 2, 'it answered the second');
  leg.noteRequest({ isAnswered: false, transmissions: 1, elapsedMs: 9, sinceLastMs: 9 });
  t.equal(leg.report()?.quality.loss, 1 / 2, 'given up before an answer was due');
  leg.noteRequest({ isAnswered: false, transmissions: 4, elapsedMs: 5_000, sinceLastMs: 500 });
  t.equal(leg.report()?.quality.loss, 2 / 3, 'one request, however often it was repeated');
  t.equal(leg.report()?.quality.count, 1);
});

t.test('a leg without a round trip for a minute asks once', async (t) => {
  const { leg, scheduler, sent, answered } = measurement();
  leg.start();
  scheduler.advance(LEG_PROBE_MS - 1);
  answered(20);
  scheduler.advance(LEG_PROBE_MS - 1);
  t.equal(sent.length, 0, 'a request was answered meanwhile');
  scheduler.advance(1);
  t.equal(sent.length, 1);
  const probe = decoded(sent[0] as Uint8Array);
  t.strictSame([probe.messageClass, probe.method], ['request', Method.Binding]);
  scheduler.advance(31);
  const answer = (id: Uint8Array) => decoded(new MessageWriter('success', Method.Binding, id));
  t.notOk(leg.receive(answer(new Uint8Array(12))), "another's answer");
  t.ok(leg.receive(answer(probe.transactionId)));
  t.notOk(leg.receive(answer(probe.transactionId)), 'once');
  t.strictSame(leg.report()?.quality, { rttMs: 25.5, jitterMs: 11, loss: 0, count: 2 });
  scheduler.advance(LEG_PROBE_MS + LEG_PROBE_ANSWER_MS);
  t.equal(sent.length, 2);
  t.equal(leg.report()?.quality.loss, 1 / 3, 'the second was not answered');
  leg.stop();
  t.equal(scheduler.armed, 0);
});

/** Lets the relay answer each signed request after a time. */
function answerAfter(relay: FakeRelay, scheduler: FakeScheduler, ms: () => number): void {
  relay.handler = (received: Received) => {
    const { messageClass, method } = received.message;
    if (messageClass !== 'request' || received.signed === undefined) return false;
    if (method === Method.Connect) return false;
    scheduler.skip(ms());
    return false;
  };
}

async function refreshQuality(t: Test, relay: FakeRelay, nth: number) {
  const { message, signed } = await relay.nth(Method.Refresh, nth);
  t.equal(signed, 'sha256');
  return message.legQuality();
}

t.test('a Refresh tells what its requests measured, and so does the close', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  let ms = 30;
  answerAfter(relay, scheduler, () => ms);
  const peer = await establish({ random: latestRefresh });
  ms = 40;
  await pass(scheduler, 30_000);
  const first = await refreshQuality(t, relay, 0);
  t.strictSame(first, { rttMs: 15, jitterMs: 30, loss: 0, count: 2 }, 'challenge and Allocate');
  await caughtUp(relay, peer);
  await pass(scheduler, 31_000);
  t.match(await refreshQuality(t, relay, 1), { rttMs: 40, count: 1 }, 'the first Refresh');
  await caughtUp(relay, peer);
  await peer.close();
  t.match(await refreshQuality(t, relay, 2), { rttMs: 40, count: 1 }, 'the second, in the close');
});

t.test('a leg with data both ways asks its relay by a Binding request', async (t) => {
  const { relay, establish, scheduler } = await scene(t);
  const peer = await establish({ random: latestRefresh });
  let asked = 0;
  relay.handler = (received) => {
    if (received.message.method !== Method.Binding) return false;
    asked += 1;
    scheduler.skip(50);
    relay.send(relay.success(received, () => {}));
    return true;
  };
  const data = encodeChannelData(relay.channel, Buffer.from('data'));
  for (let second = 0; second < 62; second += 1) {
    peer.send(Buffer.from('data'));
    relay.send(data);
    await until('it came', () => peer.stats().packetsReceived === second + 1);
    await pass(scheduler, 1_000, 1_000);
  }
  t.equal(relay.count(Method.Refresh), 0);
  await delivered();
  t.equal(asked, 1);
  await peer.close();
  const quality = await refreshQuality(t, relay, 0);
  t.equal(quality?.count, 3, 'challenge, Allocate and Binding');
  t.strictSame(peer.stats().ignored, {});
});
