// What each sub-command is given and what it has to print. Clients of ours are the live members.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const CLUSTER = 'DefaultCluster';
const BROKER = 'broker-a';
const MESSAGES = 20;

export async function runCommands({ nestmq, host, home, tools, check, eventually }) {
  const { address } = host;

  /** The output of a command; each expectation that it does not meet is a failure. */
  async function mqadmin(words, ...expected) {
    const output = await tools.run(...words);
    for (const wanted of expected) {
      const ok = typeof wanted === 'function' ? wanted(output) : wanted.test(output);
      check(`mqadmin ${words.join(' ')}`, ok, `not as expected (${String(wanted)}):\n${output.slice(0, 3_000)}`);
    }
    return output;
  }

  const seen = [];
  const client = nestmq.client(address, 'interop');
  await client.start();
  const sent = [];
  for (let n = 0; n < MESSAGES; n++) {
    const message = {
      topic: 'Orders',
      body: Buffer.from(`order ${n}`),
      tag: n % 2 === 0 ? 'even' : 'odd',
      keys: [`key${n}`],
    };
    sent.push(await client.producer.send(message));
  }
  async function join_(group, handle) {
    const consumer = client.consumer({ group, mode: nestmq.ConsumeMode.CONCURRENT, from: 'earliest' });
    consumer.add({ name: group, topic: 'Orders', handle });
    await consumer.register();
    await consumer.start();
    return consumer;
  }
  await join_('billing', (message) => {
    seen.push(message.text());
    return { kind: 'acknowledge' };
  });
  // Registers and leaves: all is still before it.
  const late = client.consumer({ group: 'late', mode: nestmq.ConsumeMode.CONCURRENT, from: 'earliest' });
  late.add({ name: 'late', topic: 'Orders', handle: () => ({ kind: 'acknowledge' }) });
  await late.register();
  await late.stop(1_000);
  check('the Node consumer gets everything', await eventually(() => seen.length === MESSAGES));
  const diff = (wanted) => (output) => new RegExp(`Consume Diff Total: ${wanted}\\b`).test(output);
  const settled = () => eventually(async () => diff(0)(await tools.run('consumerProgress', '-g', 'billing')));
  check('its position is stored', await settled());

  // The cluster and its topics.
  await mqadmin(['clusterList'], new RegExp(`${CLUSTER}\\s+${BROKER}\\s+0\\s+${address}\\s+V5_3_3`), /true\s*$/m);
  await mqadmin(
    ['clusterList', '-m'],
    new RegExp(`${CLUSTER}\\s+${BROKER}\\s+0\\s+0\\s+${MESSAGES}\\s+${MESSAGES}\\b`),
  );
  await mqadmin(['topicList'], /^Orders$/m, /^%RETRY%billing$/m);
  await mqadmin(['topicList', '-c'], new RegExp(`${CLUSTER}\\s+Orders\\s+billing`));
  await mqadmin(['topicRoute', '-t', 'Orders'], /"brokerName":\s*"broker-a"/, /"writeQueueNums":\s*2/);
  await mqadmin(['topicClusterList', '-t', 'Orders'], /DefaultCluster/);
  await mqadmin(['updateTopic', '-b', address, '-t', 'Made', '-r', '3', '-w', '3'], /create topic to .* success/);
  await mqadmin(['updateTopic', '-c', CLUSTER, '-t', 'MadeToo', '-r', '2', '-w', '2'], /create topic to .* success/);
  const made = (name) => host.topics().find((topic) => topic.name === name)?.ends.length;
  check('updateTopic makes topics', made('Made') === 3 && made('MadeToo') === 2);
  await mqadmin(['updateTopic', '-b', address, '-t', 'Packed', '-a', '+queue.type=BatchCQ'], /keeps none/);
  await mqadmin(['updateTopic', '-b', address, '-t', 'TBW102'], /MQClientException|MQBrokerException/);
  await mqadmin(['updateTopicPerm', '-b', address, '-t', 'MadeToo', '-p', '4'], /from 6 to 4 in .* success/);
  const list = join(home, 'topics.json');
  await writeFile(
    list,
    JSON.stringify([{ topicName: 'One', readQueueNums: 1, writeQueueNums: 1 }, { topicName: 'Two' }]),
  );
  await mqadmin(['updateTopicList', '-b', address, '-f', list], /submit batch of topic config/);
  check('updateTopicList makes topics', made('One') === 1 && made('Two') === 16);
  await mqadmin(['topicStatus', '-t', 'Orders'], (output) => {
    const ends = [...output.matchAll(/^broker-a\s+\d+\s+0\s+(\d+)\s+\d{4}-/gm)].map(([, end]) => Number(end));
    return ends.length === 2 && ends[0] + ends[1] === MESSAGES;
  });
  await mqadmin(
    ['deleteTopic', '-c', CLUSTER, '-t', 'Made'],
    /delete topic \[Made\] from cluster/,
    /delete topic \[Made\] from NameServer/,
  );
  check('deleteTopic deletes', made('Made') === undefined);

  // Who is connected, and how far they are.
  const { clientId } = client;
  await mqadmin(
    ['consumerConnection', '-g', 'billing'],
    (output) => output.includes(clientId),
    /OTHER\s+V5_3_3/,
    /Orders\s+\*/,
    /ConsumeType: CONSUME_PASSIVELY/,
    /MessageModel: CLUSTERING/,
    /ConsumeFromWhere: CONSUME_FROM_FIRST_OFFSET/,
  );
  await mqadmin(['consumerConnection', '-g', 'late'], /CODE: 206/);
  const producers = ['producerConnection', '-g', 'interop-producer', '-t', 'Orders'];
  await mqadmin(producers, (output) => output.includes(clientId), /OTHER\s+V5_3_3/);
  await mqadmin(['producerConnection', '-g', 'nobody', '-t', 'Orders'], /not exist/);
  await mqadmin(['producer', '-b', address], /producer group \(interop-producer\) instance : .*remoteIP/);
  await mqadmin(['consumerProgress', '-g', 'billing'], /Orders\s+broker-a\s+0\s+(\d+)\s+\1\s+0\s+0\s+\d{4}-/, diff(0));
  await mqadmin(['consumerProgress', '-g', 'late'], diff(MESSAGES));
  await mqadmin(['consumerProgress', '-g', 'billing', '-t', 'Orders', '-s', 'true'], (output) =>
    output.includes(clientId.split('@')[0]),
  );
  await mqadmin(['consumerProgress'], /^billing\s+1\s+V5_3_3\s+PUSH\s+CLUSTERING\s+\S+\s+0\s*$/m);
  await mqadmin(
    ['consumerStatus', '-g', 'billing'],
    (output) => output.includes(clientId),
    /Same subscription/,
    /Rebalance OK/,
  );
  await mqadmin(
    ['consumerStatus', '-g', 'billing', '-i', clientId],
    /#Consumer MQ Detail#/,
    /Orders\s+broker-a\s+1/,
    /PROP_CONSUMEORDERLY\s+: false/,
  );
  // A call of the tools' library that is no sub-command any more.
  await mqadmin(['!positions', 'billing', 'Orders', clientId], /broker-a\s+0\s+\d+/, /broker-a\s+1\s+\d+/);
  await mqadmin(
    ['brokerConsumeStats', '-b', address],
    /Orders\s+billing\s+broker-a\s+0\s+(\d+)\s+\1\s+0\s/,
    new RegExp(`Diff Total: ${MESSAGES}\\b`),
  );
  await mqadmin(
    ['statsAll', '-t', 'Orders'],
    new RegExp(`Orders\\s+billing\\s+0\\s+\\S+\\s+\\S+\\s+${MESSAGES}\\s+${MESSAGES}\\s`),
  );

  // Messages.
  const [first] = sent;
  await mqadmin(
    ['sendMessage', '-t', 'Orders', '-p', 'from mqadmin', '-k', 'mykey', '-c', 'tools'],
    /SEND_OK\s+[0-9A-F]{32}/,
  );
  check('the Node consumer gets it', await eventually(() => seen.includes('from mqadmin')));
  await mqadmin(
    ['queryMsgById', '-t', 'Orders', '-i', first.offsetMessageId],
    /Topic:\s+Orders/,
    /Tags:\s+\[even\]/,
    /Message Body:\s+order 0|Message Body Path/,
    /billing/,
  );
  await mqadmin(['queryMsgById', '-t', 'Orders', '-i', first.messageId], /Keys:\s+\[key0\]/);
  const before = seen.length;
  await mqadmin(
    ['queryMsgById', '-t', 'Orders', '-i', first.offsetMessageId, '-g', 'billing', '-d', clientId],
    /CR_SUCCESS/,
  );
  check(
    'queryMsgById -d gives the message to the Node consumer',
    seen.length === before + 1 && seen.at(-1) === 'order 0',
  );
  await mqadmin(['queryMsgByUniqueKey', '-t', 'Orders', '-i', first.messageId], /Keys:\s+\[key0\]/);
  await mqadmin(['queryMsgByKey', '-t', 'Orders', '-k', 'key7'], (output) => output.includes(sent[7].messageId));
  await mqadmin(['queryMsgByKey', '-t', 'Orders', '-k', 'nokey'], /CODE: 208|no message|MQClientException/);
  await mqadmin(
    ['queryMsgByOffset', '-t', 'Orders', '-b', BROKER, '-i', String(first.queueId), '-o', '0'],
    /Keys:\s+\[key0\]/,
  );
  await mqadmin(
    ['printMsg', '-t', 'Orders', '-d', 'true'],
    (output) => output.match(/^MSGID: /gm)?.length === MESSAGES + 1,
  );
  await mqadmin(
    ['printMsg', '-t', 'Orders', '-s', 'odd'],
    (output) => output.match(/^MSGID: /gm)?.length === MESSAGES / 2,
  );
  await mqadmin(
    ['queryCq', '-t', 'Orders', '-q', '0', '-i', '0', '-c', '3', '-b', address, '-g', 'billing'],
    /max: \d+, min: 0/,
    /idx: 2/,
    /"subString":\s*"\*"/,
  );

  // Positions.
  await mqadmin(['updateSubGroup', '-b', address, '-g', 'copy'], /create subscription group to .* success/);
  await mqadmin(
    ['cloneGroupOffset', '-s', 'billing', '-d', 'copy', '-t', 'Orders', '-o', 'true'],
    /clone group offset success/,
  );
  await mqadmin(['consumerProgress', '-g', 'copy'], (output) => /Consume Diff Total: [01]\b/.test(output));
  await settled();
  const handled = seen.length;
  await mqadmin(
    ['resetOffsetByTime', '-g', 'billing', '-t', 'Orders', '-s', '0'],
    /broker-a\s+0\s+0/,
    /broker-a\s+1\s+0/,
  );
  check('the Node consumer gets all of it again', await eventually(() => seen.length >= handled + MESSAGES + 1));
  await mqadmin(['resetOffsetByTime', '-g', 'late', '-t', 'Orders', '-s', 'now'], /broker-a\s+0\s+\d+/);
  await mqadmin(['consumerProgress', '-g', 'late'], diff(0));
  await mqadmin(
    ['resetOffsetByTime', '-g', 'late', '-t', 'Orders', '-s', '0', '-b', address, '-q', '1', '-o', '3'],
    /reset consumer offset to 3/,
  );
  await mqadmin(['skipAccumulatedMessage', '-g', 'late', '-t', 'Orders'], /broker-a\s+1\s+\d+/);
  await mqadmin(['consumerProgress', '-g', 'late'], diff(0));
  await mqadmin(['resetOffsetByTime', '-g', 'nobody', '-t', 'Orders', '-s', 'now'], /GROUP_NOT_FOUND/);

  // A Java consumer as the live member.
  const javaClient = await tools.run('!consume', 'java', 'Orders');
  const javaSeen = async (count) => Number(await tools.run('!seen')) >= count;
  check('the Java consumer gets everything', await eventually(() => javaSeen(MESSAGES + 1)));
  await mqadmin(['consumerStatus', '-g', 'java', '-i', javaClient], /Orders\s+broker-a\s+1/, /JAVA|V5_3_3/);
  await mqadmin(['!positions', 'java', 'Orders', javaClient], /broker-a\s+0\s+\d+/);
  await mqadmin(
    ['queryMsgById', '-t', 'Orders', '-i', first.offsetMessageId, '-g', 'java', '-d', javaClient],
    /CR_SUCCESS/,
  );
  const counted = Number(await tools.run('!seen'));
  await mqadmin(['resetOffsetByTime', '-g', 'java', '-t', 'Orders', '-s', '0'], /broker-a\s+1\s+0/);
  check('the Java consumer gets all of it again', await eventually(() => javaSeen(counted + MESSAGES + 1), 60_000));

  // Groups.
  await mqadmin(['updateSubGroup', '-c', CLUSTER, '-g', 'fresh', '-r', '3'], /create subscription group to .* success/);
  await mqadmin(['getConsumerConfig', '-g', 'fresh'], /retryMaxTimes\s+=\s+3/, /consumeEnable\s+=\s+true/);
  await mqadmin(
    ['deleteSubGroup', '-b', address, '-g', 'fresh', '-r', 'true'],
    /delete subscription group \[fresh\] .* success/,
  );
  await mqadmin(['deleteSubGroup', '-b', address, '-g', 'billing'], /is at work/);
  const groups = join(home, 'groups.json');
  await writeFile(groups, JSON.stringify([{ groupName: 'first', retryMaxTimes: 2 }, { groupName: 'second' }]));
  await mqadmin(['updateSubGroupList', '-b', address, '-f', groups], /submit batch of .*group config/);
  await mqadmin(['getConsumerConfig', '-g', 'first'], /retryMaxTimes\s+=\s+2/);
  await mqadmin(['updateSubGroup', '-b', address, '-g', 'billing', '-s', 'false'], /success/);
  await client.producer.send({ topic: 'Orders', body: Buffer.from('held back') });
  await mqadmin(['getConsumerConfig', '-g', 'billing'], /consumeEnable\s+=\s+false/);
  check('a group that is switched off gets nothing', !seen.includes('held back'));
  await mqadmin(['updateSubGroup', '-b', address, '-g', 'billing', '-s', 'true'], /success/);
  check('... and gets it once it is on again', await eventually(() => seen.includes('held back')));

  // The broker.
  await mqadmin(
    ['brokerStatus', '-b', address],
    /brokerVersionDesc\s+: V5_3_3/,
    /putTps\s+: \S+ \S+ \S+/,
    new RegExp(`msgPutTotalTodayNow\\s+: ${MESSAGES + 2}\\b`),
  );
  await mqadmin(['getBrokerConfig', '-b', address], /brokerName\s+=\s+broker-a/, /flushDiskType\s+=\s+SYNC_FLUSH/);
  await mqadmin(
    ['updateBrokerConfig', '-b', address, '-k', 'defaultTopicQueueNums', '-v', '2'],
    /update broker config success/,
  );
  await mqadmin(['getBrokerConfig', '-b', address], /defaultTopicQueueNums\s+=\s+2/);
  await mqadmin(
    ['updateBrokerConfig', '-b', address, '-k', 'rocketmqHome', '-v', '/'],
    /cannot be changed over the network/,
  );
  for (const command of ['cleanExpiredCQ', 'cleanUnusedTopic', 'deleteExpiredCommitLog'])
    await mqadmin([command, '-b', address], /success/);
  await mqadmin(['haStatus', '-b', address], /has no slaves/);

  // The NameServer.
  await mqadmin(['wipeWritePerm', '-b', BROKER], /wipe write perm of broker\[broker-a\] .* OK, [1-9]/);
  await mqadmin(['addWritePerm', '-b', BROKER], /add write perm of broker\[broker-a\] .* OK, [1-9]/);
  await mqadmin(['updateKvConfig', '-s', 'NS', '-k', 'key', '-v', 'value'], /kv config to namespace success/);
  await mqadmin(['deleteKvConfig', '-s', 'NS', '-k', 'key'], /delete kv config from namespace success/);

  await client.shutdown(5_000);
}
