// RocketMQ's own example programs, all in one process, with assertions on what they print.
import { java, until } from './processes.js';

const LIMIT_MILLIS = 240_000;

/** In the order of their start. `second` is a broker of its own: programs that share a group's name want other things of it. */
const PROGRAMS = [
  ['first', 'quickstart.Consumer'],
  ['first', 'simple.PushConsumer'],
  ['first', 'broadcast.PushConsumer'],
  ['first', 'filter.SqlFilterConsumer'],
  ['second', 'filter.TagFilterConsumer'],
  ['first', 'quickstart.Producer'],
  ['first', 'simple.Producer'],
  ['first', 'simple.AsyncProducer'],
  ['first', 'simple.LitePullConsumerSubscribe'],
  ['first', 'batch.SimpleBatchProducer'],
  ['first', 'ordermessage.Producer'],
  ['first', 'ordermessage.Consumer'],
  ['first', 'filter.SqlFilterProducer'],
  ['second', 'filter.TagFilterProducer'],
  ['first', 'transaction.TransactionProducer'],
];

/** Of the newer line only. */
const NEWER = [
  ['first', 'schedule.ScheduledMessageConsumer'],
  ['first', 'schedule.TimerMessageConsumer'],
  ['first', 'schedule.ScheduledMessageProducer'],
  ['first', 'schedule.TimerMessageProducer'],
];

/** They know no other address than 127.0.0.1:9876. The waiting rpc.RequestProducer of this client never waits. */
const FIXED = [
  ['fixed', 'rpc.ResponseConsumer'],
  ['fixed', 'namespace.PushConsumerWithNamespace'],
  ['fixed', 'namespace.ProducerWithNamespace'],
  ['fixed', 'rpc.AsyncRequestProducer'],
];

const QUICK = 1000;
const SIMPLE = 128;

/**
 * How many lines of a program have to match. With a topic: so many at least, and as many as were stored there. Programs send
 * again what is not acknowledged within 3 s, which a busy machine may take.
 */
const WANTED = [
  ['quickstart.Producer', /sendStatus=SEND_OK/, QUICK],
  ['simple.Producer', /sendStatus=SEND_OK/, SIMPLE],
  ['simple.AsyncProducer', / OK /, 100],
  ['ordermessage.Producer', /sendStatus=SEND_OK/, 100],
  ['filter.SqlFilterProducer', /sendStatus=SEND_OK/, 10],
  ['filter.TagFilterProducer', /sendStatus=SEND_OK/, 60],
  ['transaction.TransactionProducer', /sendStatus=SEND_OK/, 10],
  ['schedule.ScheduledMessageProducer', /sendStatus=SEND_OK/, 100],
  ['schedule.ScheduledMessageConsumer', /\d  ms later/, 100],
  ['schedule.TimerMessageProducer', /sendStatus=SEND_OK/, 10],
  ['schedule.TimerMessageConsumer', /\d  ms later/, 10],
  ['namespace.ProducerWithNamespace', /send success/, 100],
  ['namespace.PushConsumerWithNamespace', /MsgId is/, 100],
  ['rpc.ResponseConsumer', /^reply to /, 1],
  ['rpc.AsyncRequestProducer', /replyMessage: Message/, 1],
  ['quickstart.Consumer', /Receive New Messages/, QUICK + SIMPLE, 'TopicTest'],
  ['simple.PushConsumer', /Receive New Messages/, QUICK + SIMPLE, 'TopicTest'],
  ['broadcast.PushConsumer', /Receive New Messages/, QUICK + SIMPLE, 'TopicTest'],
  ['filter.SqlFilterConsumer', /Receive New Messages/, 3],
  ['filter.TagFilterConsumer', /Receive New Messages/, 40],
];

/** @param stored The topic of the first broker, as it is. */
export async function runExamples({ setting, addresses, newer, stored, check }) {
  const programs = [...PROGRAMS, ...(newer ? NEWER : []), ...(addresses.fixed === undefined ? [] : FIXED)];
  const wanting = WANTED.filter(([program]) => programs.some(([, name]) => name === program));
  const pairs = programs.flatMap(([broker, program]) => [addresses[broker], program]);
  const process = java(setting, 'Examples', ...pairs);
  const count = (lines, program, pattern) =>
    lines
      .filter(([what, by]) => what === 'OUT' && by === program)
      .reduce((sum, [, , text]) => sum + (text.match(new RegExp(pattern, 'g'))?.length ?? 0), 0);
  const due = ([, , wanted, topic]) =>
    topic === undefined
      ? wanted
      : Math.max(
          wanted,
          stored(topic).ends.reduce((sum, end) => sum + end, 0),
        );
  await until(
    process,
    (lines) => wanting.every((want) => count(lines, want[0], want[1]) >= due(want)),
    Date.now() + LIMIT_MILLIS,
  );
  for (const want of wanting) {
    const [program, pattern] = want;
    const found = count(process.lines, program, pattern);
    const wanted = due(want);
    check(`${program} prints ${pattern} ${wanted} times`, found === wanted, `${found} times`);
  }
  const failed = process.lines.filter(([what]) => what === 'FAILED');
  check('no program ends with an error', failed.length === 0, JSON.stringify(failed));
  process.stdin.end();
  await process.ended;
}
