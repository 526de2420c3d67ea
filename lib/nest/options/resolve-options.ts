import { REBALANCE_STRATEGIES } from '../../client/index.js';
import { checkIdempotencyDefaults, type IdempotencyDefaults } from '../../idempotency/index.js';
import {
  checkCredentials,
  checkTopic,
  isSendableTopic,
  MessagingError,
  Namespace,
  TRACE_TOPIC,
} from '../../protocol/index.js';
import { type ClientTls, SigningConnector } from '../../remoting/index.js';
import type { EmbeddedBrokerSettings } from '../../server/index.js';
import { resolveOutbox } from '../outbox/outbox-options.js';
import { DefaultMessageConverter, durationMillis, parseDuration } from '../payload/index.js';
import { applicationName, nameSafe } from './application-name.js';
import type { MessagingConnectionOptions, ResolvedConnectionOptions } from './messaging-options.js';
import { type OptionRule, type OptionRules, checkOptions, rule, wholeNumber } from './option-checker.js';

const NAME_SERVER = /^[^\s:;,]+:\d{1,5}$|^\[[0-9a-fA-F:.]+\]:\d{1,5}$/;

const converter: OptionRule = {
  what: 'an object with the methods encode and decode',
  accepts: (value) =>
    typeof (value as { encode?: unknown } | null)?.encode === 'function' &&
    typeof (value as { decode?: unknown }).decode === 'function',
};

/** A name that stays what it is inside topic and group names. */
export const nameRule: OptionRule = {
  what: 'a name of letters, digits, "_" and "-"',
  accepts: (value) => typeof value === 'string' && /^[a-zA-Z0-9_-]{1,60}$/.test(value),
};

const CONNECTION_RULES: OptionRules = {
  application: rule.text,
  namespace: nameRule,
  nameServer: rule.text,
  tls: {
    what: 'true, false or { ca, cert, key, passphrase, servername, rejectUnauthorized }',
    accepts: (value) => rule.boolean.accepts(value) || rule.object.accepts(value),
  },
  // Checked where it is resolved: what is wrong with it must not be shown.
  credentials: rule.any,
  broker: rule.object,
  instance: nameRule,
  autoStart: rule.boolean,
  shutdownBudget: rule.duration,
  converter,
  producer: rule.object,
  rebalance: {
    what: `${REBALANCE_STRATEGIES.map((name) => `"${name}"`).join(', ')} or a function`,
    accepts: (value) => typeof value === 'function' || (REBALANCE_STRATEGIES as readonly unknown[]).includes(value),
  },
  trace: {
    what: 'true, false or { sample, topic }',
    accepts: (value) => rule.boolean.accepts(value) || rule.object.accepts(value),
  },
  outbox: rule.object,
  idempotency: rule.object,
};

const TRACE_RULES: OptionRules = {
  sample: {
    what: 'a share above 0, to 1',
    accepts: (value) => typeof value === 'number' && value > 0 && value <= 1,
  },
  topic: rule.text,
};

const TLS_RULES: OptionRules = {
  ca: rule.text,
  cert: rule.text,
  key: rule.text,
  passphrase: rule.text,
  servername: rule.text,
  rejectUnauthorized: rule.boolean,
};

const PRODUCER_RULES: OptionRules = {
  timeout: {
    what: 'more than 0 milliseconds or a text like "500ms", "10s", "5m"',
    accepts: (value) => (durationMillis(value) ?? 0) > 0,
  },
  retries: wholeNumber(0, 100),
  latencyFaultTolerance: rule.boolean,
  maxMessageBytes: wholeNumber(1, 4 * 1024 * 1024),
  compressOverBytes: wholeNumber(1),
};

/**
 * Checks the options and fills in the defaults; those of the broker are checked where it starts.
 * @param where Begins what errors say.
 */
export function resolveOptions(
  connection: string,
  options: MessagingConnectionOptions,
  where = `MessagingModule, connection ${connection}`,
): ResolvedConnectionOptions {
  if (!nameRule.accepts(connection)) {
    throw new MessagingError(
      'CONFIGURATION',
      `MessagingModule: connection must be ${nameRule.what}, not ${JSON.stringify(connection)}`,
    );
  }
  checkOptions(where, options, CONNECTION_RULES);
  checkOptions(`${where}, producer`, options.producer ?? {}, PRODUCER_RULES);
  if (options.nameServer !== undefined && options.broker !== undefined) {
    throw new MessagingError(
      'CONFIGURATION',
      `${where}: nameServer and broker exclude each other; with nameServer the broker runs elsewhere`,
    );
  }
  if (options.broker?.nameServer !== undefined) {
    throw new MessagingError(
      'CONFIGURATION',
      `${where}: a broker inside is its own NameServer. Run one of several on its own (BrokerHost, BrokerServer or "nestmq broker"), ` +
        'and connect to them with nameServer',
    );
  }
  return {
    connection,
    application: options.application === undefined ? applicationName() : checkedApplication(options.application, where),
    nameServers: options.nameServer === undefined ? undefined : nameServers(options.nameServer, where),
    namespace: options.namespace,
    tls: tlsOf(options, where),
    sign: signOf(options, where),
    broker: inNamespace(options.broker ?? {}, options.namespace),
    instance: options.instance,
    autoStart: options.autoStart ?? true,
    shutdownBudgetMillis: parseDuration(options.shutdownBudget ?? 10_000, `${where}: shutdownBudget`),
    converter: options.converter ?? new DefaultMessageConverter(),
    producer: options.producer ?? {},
    rebalance: options.rebalance,
    trace: traceOf(options, where),
    outbox: resolveOutbox(options.outbox, where),
    idempotency: idempotencyOf(options, where),
  };
}

function tlsOf({ tls = false, nameServer }: MessagingConnectionOptions, where: string): boolean | ClientTls {
  if (typeof tls === 'object') checkOptions(`${where}, tls`, tls, TLS_RULES);
  if (
    tls === false ||
    (nameServer !== undefined && (tls === true || (tls.cert === undefined) === (tls.key === undefined)))
  )
    return tls;
  throw new MessagingError(
    'CONFIGURATION',
    nameServer === undefined
      ? `${where}: tls has no meaning without nameServer; for those who connect to the broker inside it is broker.tls`
      : `${where}, tls: cert and key belong together; give both or none`,
  );
}

function signOf(options: MessagingConnectionOptions, where: string): ResolvedConnectionOptions['sign'] {
  const { credentials } = options;
  if (credentials === undefined) return undefined;
  if (!rule.object.accepts(credentials))
    throw new MessagingError('CONFIGURATION', `${where}: credentials must be { accessKey, secretKey, securityToken }`);
  if (options.nameServer === undefined) {
    throw new MessagingError(
      'CONFIGURATION',
      `${where}: credentials have no meaning without nameServer; the broker inside asks its own application for none`,
    );
  }
  checkCredentials(credentials, `${where}: credentials`);
  const copy = { ...credentials };
  return (connector) => new SigningConnector(connector, copy);
}

function traceOf({ trace, namespace }: MessagingConnectionOptions, where: string): ResolvedConnectionOptions['trace'] {
  if (trace === undefined || trace === false) return undefined;
  const chosen = trace === true ? {} : trace;
  checkOptions(`${where}, trace`, chosen, TRACE_RULES);
  const { sample = 1, topic = TRACE_TOPIC } = chosen;
  try {
    checkTopic(topic, namespace);
  } catch (error) {
    throw new MessagingError('CONFIGURATION', `${where}, trace: ${(error as Error).message}`, { cause: error });
  }
  if (isSendableTopic(topic)) return { sample, topic };
  throw new MessagingError('CONFIGURATION', `${where}, trace: nothing can be sent to the topic ${topic}`);
}

function idempotencyOf({ idempotency }: MessagingConnectionOptions, where: string): IdempotencyDefaults | undefined {
  if (idempotency === undefined) return undefined;
  checkIdempotencyDefaults(`${where}, idempotency`, idempotency);
  if (idempotency.enabled !== true || idempotency.store !== undefined) return { ...idempotency };
  throw new MessagingError('CONFIGURATION', `${where}, idempotency: enabled needs a store`);
}

/**
 * The topics that the broker inside makes at its start are the application's. One that names a namespace itself is that of
 * somebody else, who comes over the network.
 */
function inNamespace(broker: EmbeddedBrokerSettings, namespace: string | undefined): EmbeddedBrokerSettings {
  // What is no list is refused where the broker starts.
  if (namespace === undefined || !Array.isArray(broker.topics)) return broker;
  const { wrapTopic } = namesIn(namespace);
  return {
    ...broker,
    topics: broker.topics.map((topic) => {
      if (typeof topic === 'string') return wrapTopic(topic);
      return typeof topic?.name === 'string' ? { ...topic, name: wrapTopic(topic.name) } : topic;
    }),
  };
}

function namesIn(name: string): { wrapTopic(topic: string): string } {
  const namespace = new Namespace(name);
  return { wrapTopic: (topic) => (topic.includes('%') ? topic : namespace.wrapTopic(topic)) };
}

function checkedApplication(application: string, where: string): string {
  const safe = nameSafe(application);
  if (safe !== '' && safe.length <= 60) return safe;
  throw new MessagingError(
    'CONFIGURATION',
    `${where}: application must have 1 to 60 letters, digits, "_" and "-", not ${JSON.stringify(application)}`,
  );
}

function nameServers(text: string, where: string): string[] {
  const list = text
    .split(/[;,]/)
    .map((address) => address.trim())
    .filter((address) => address !== '');
  const bad = list.find((address) => !NAME_SERVER.test(address) || portOf(address) < 1 || portOf(address) > 65_535);
  if (list.length > 0 && bad === undefined) return list;
  throw new MessagingError(
    'CONFIGURATION',
    `${where}: nameServer must be host:port, several separated by ";", not ${JSON.stringify(bad ?? text)}`,
  );
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
