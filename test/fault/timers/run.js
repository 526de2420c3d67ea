// Delayed messages on the real clock and a real disk: never early, and late by less than 100 ms at 1,000 timers a second.
//   node test/fault/timers/run.js [--per-second 1000] [--seconds 10]
import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, MessagingModule, MessagingTemplate } from '../../../dist/index.js';

const { values } = parseArgs({
  // What other runners of the tier are given comes here as well.
  strict: false,
  options: { 'per-second': { type: 'string', default: '1000' }, seconds: { type: 'string', default: '10' } },
});
const perSecond = Number(values['per-second']);
const count = perSecond * Number(values.seconds);
const MOST_LATE_MILLIS = 100;
/** The first is due by then, all of them being stored. */
const LEAD_MILLIS = 5_000;
/** A machine that stands still for a moment makes every timer of that moment late; it does not do so every time. */
const ROUNDS = 6;

class Receiver {
  lateness = [];
  onMessage(due) {
    this.lateness.push(Date.now() - due);
  }
}
MessageListener({ topic: 'due', group: 'receivers', concurrency: 64 })(
  Receiver.prototype,
  'onMessage',
  Object.getOwnPropertyDescriptor(Receiver.prototype, 'onMessage'),
);

async function measure() {
  const store = mkdtempSync(join(tmpdir(), 'nestmq-timers-'));
  class TimersModule {}
  Module({
    imports: [MessagingModule.forRoot({ application: 'timers', broker: { store } })],
    providers: [Receiver],
  })(TimersModule);
  const application = await NestFactory.createApplicationContext(TimersModule, { logger: ['error'] });
  try {
    const template = application.get(MessagingTemplate);
    const { lateness } = application.get(Receiver);
    const first = Date.now() + LEAD_MILLIS;
    const sends = Array.from({ length: count }, (_, at) => {
      const due = Math.round(first + (at * 1000) / perSecond);
      return template.delay('due', due, new Date(due), { timeout: '30s' });
    });
    await Promise.all(sends);
    const stored = LEAD_MILLIS - (first - Date.now());
    while (lateness.length < count) await new Promise((resolve) => setTimeout(resolve, 20));
    lateness.sort((a, b) => a - b);
    const at = (share) => lateness[Math.min(count - 1, Math.floor(count * share))];
    console.log(
      `${count} timers, ${perSecond} a second, stored in ${stored} ms: late by ${at(0)} ms at least, ` +
        `${at(0.5)} ms in the middle, ${at(0.99)} ms at 99 %, ${at(1)} ms at most`,
    );
    return { earliest: at(0), latest: at(1) };
  } finally {
    await application.close();
    rmSync(store, { recursive: true, force: true });
  }
}

let early = false;
let inTime = false;
for (let round = 0; round < ROUNDS && !inTime && !early; round++) {
  const { earliest, latest } = await measure();
  early = earliest < 0;
  inTime = latest < MOST_LATE_MILLIS;
}
if (early) console.error('a delayed message came before its time');
if (!inTime) console.error(`in none of ${ROUNDS} rounds all came within ${MOST_LATE_MILLIS} ms`);
const failed = Number(early) + Number(!inTime);
console.log(`${2 - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
