import { MessagingClient } from '../../client/index.js';
import { silentLogger, systemPlatform } from '../../platform/index.js';
import { type Credentials, MessagingError } from '../../protocol/index.js';
import { type ClientTls, parseAddress, TcpConnector } from '../../remoting/index.js';
import { DEFAULT_NAME_SERVER } from '../../server/index.js';
import { UsageError } from '../failure.js';
import type { Flag, FlagValues } from '../flags/flag.js';
import { parseDuration } from '../flags/values.js';

const TIMEOUT_MILLIS = 3_000;
/** For what a command has still to say when it is done; its answers are there by then. */
const SHUTDOWN_MILLIS = 1_000;

const PLACE_FLAGS: readonly Flag[] = [
  {
    name: 'name-server',
    value: 'host:port',
    env: 'NESTMQ_NAME_SERVER',
    help: `the NameServer, or the broker that is one as well; several separated by ";"; default ${DEFAULT_NAME_SERVER}`,
  },
  {
    name: 'namespace',
    value: 'name',
    env: 'NESTMQ_NAMESPACE',
    help: 'topics and groups of this namespace, by their names within it; default none',
  },
  {
    name: 'timeout',
    value: 'time',
    parse: parseDuration,
    env: 'NESTMQ_TIMEOUT',
    help: 'for each request; default 3s',
  },
];

/** Any of them makes connections use TLS, unless `--no-tls` says otherwise. */
const TLS_FLAGS: readonly Flag[] = [
  { name: 'tls', env: 'NESTMQ_CLIENT_TLS', help: 'connect by TLS; any of the following does so too' },
  {
    name: 'tls-ca',
    value: 'file',
    env: 'NESTMQ_CLIENT_TLS_CA',
    help: 'PEM file of the authorities to trust; default those of Node.js',
  },
  {
    name: 'tls-cert',
    value: 'file',
    env: 'NESTMQ_CLIENT_TLS_CERT',
    help: 'PEM file of a certificate of one’s own, for servers that ask for it; with --tls-key',
  },
  { name: 'tls-key', value: 'file', env: 'NESTMQ_CLIENT_TLS_KEY', help: 'PEM file of its private key' },
  {
    name: 'tls-server-name',
    value: 'name',
    env: 'NESTMQ_CLIENT_TLS_SERVER_NAME',
    help: 'that the server’s certificate must have; default the host of its address',
  },
  {
    name: 'tls-verify',
    on: true,
    env: 'NESTMQ_CLIENT_TLS_VERIFY',
    help: 'take any certificate, also that of somebody in between',
  },
];

const CREDENTIAL_FLAGS: readonly Flag[] = [
  {
    name: 'access-key',
    value: 'name',
    env: 'NESTMQ_ACCESS_KEY',
    help: 'account to sign requests as; with --secret-key',
  },
  {
    name: 'secret-key',
    value: 'secret',
    env: 'NESTMQ_SECRET_KEY',
    help: 'its secret; others on the machine see flags, so take the variable',
  },
];

/** What every operating command takes. */
export const CONNECTION_FLAGS: readonly Flag[] = [...PLACE_FLAGS, ...CREDENTIAL_FLAGS, ...TLS_FLAGS];

/** Does the work with a client, which is shut down afterwards, whatever becomes of it. */
export async function withClient<T>(values: FlagValues, work: (client: MessagingClient) => Promise<T>): Promise<T> {
  const nameServers = nameServersOf(values);
  const timeout = (values.get('timeout') as number | undefined) ?? TIMEOUT_MILLIS;
  if (timeout < 1) throw new UsageError('--timeout must be more than 0 milliseconds.');
  // What goes wrong comes as an error of the command; a line of log beside it would be no JSON.
  const platform = systemPlatform({ logger: silentLogger });
  const connector = new TcpConnector({ connectTimeout: timeout, tls: tlsOf(values) }, platform.clock);
  const client = new MessagingClient(
    {
      application: 'nestmq-cli',
      namespace: values.get('namespace') as string | undefined,
      nameServers,
      connector,
      credentials: credentialsOf(values),
      requestTimeoutMillis: timeout,
      sendTimeoutMillis: timeout,
    },
    platform,
  );
  try {
    await client.start();
    return await work(client);
  } catch (error) {
    throw error instanceof MessagingError ? forOperators(error, nameServers) : error;
  } finally {
    await client.shutdown(SHUTDOWN_MILLIS);
  }
}

function credentialsOf(values: FlagValues): Credentials | undefined {
  const [accessKey, secretKey] = ['access-key', 'secret-key'].map((name) => values.get(name) as string | undefined);
  if (accessKey === undefined && secretKey === undefined) return undefined;
  if (accessKey !== undefined && secretKey !== undefined) return { accessKey, secretKey };
  throw new UsageError('--access-key and --secret-key (NESTMQ_ACCESS_KEY, NESTMQ_SECRET_KEY) go together.');
}

function tlsOf(values: FlagValues): false | ClientTls {
  const text = (name: string): string | undefined => values.get(name) as string | undefined;
  const rejectUnauthorized = values.get('tls-verify') as boolean | undefined;
  const [ca, cert, key, servername] = ['tls-ca', 'tls-cert', 'tls-key', 'tls-server-name'].map(text);
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--tls-cert and --tls-key go together.');
  const details = ca ?? cert ?? servername ?? (rejectUnauthorized === false ? true : undefined);
  const wanted = (values.get('tls') as boolean | undefined) ?? details !== undefined;
  return wanted ? { ca, cert, key, servername, rejectUnauthorized } : false;
}

function nameServersOf(values: FlagValues): string[] {
  const text = (values.get('name-server') as string | undefined) ?? DEFAULT_NAME_SERVER;
  const addresses = text
    .split(/[;,]/)
    .map((address) => address.trim())
    .filter((address) => address !== '');
  if (addresses.length === 0) throw new UsageError('--name-server names no address; write host:port.');
  for (const address of addresses) {
    try {
      parseAddress(address);
    } catch (error) {
      throw new UsageError(`--name-server: ${(error as Error).message}`);
    }
  }
  return addresses;
}

/** What the client calls a method is a command here. */
const COMMANDS: readonly (readonly [RegExp, string])[] = [
  [/admin\.topics\.list\(\)/g, '`nestmq topic list`'],
  [/use widen\(\) for more/g, 'use `nestmq topic update --queues` for more'],
  [/\bgive its queueId as well/g, 'give --queue as well'],
  [/widen it without `keys`/g, 'leave --keys out'],
  [/name them in `except`/g, 'name them with --except'],
  [/\bin `except`/g, 'in --except'],
  [/\btls\.(ca|cert|key)\b/g, '--tls-$1'],
];

/** Topics refuse as well. */
const OF_ACCOUNTS = /credentials|access key|signature|would need/i;
const ADVICE_AT_REFUSAL =
  '. The account that asks lacks the permission, or none was given: --access-key and NESTMQ_SECRET_KEY name one.';

function forOperators(error: MessagingError, nameServers: readonly string[]): MessagingError {
  const { code, retryable, cause } = error;
  let message = COMMANDS.reduce((text, [pattern, command]) => text.replace(pattern, command), error.message);
  if (code === 'CONNECT_FAILED' || code === 'TIMEOUT') {
    message += message.includes('No NameServer answers')
      ? `. Start one (\`nestmq broker\`), or say where it is: --name-server host:port or NESTMQ_NAME_SERVER (now ${nameServers.join(';')}).`
      : '. If that is a broker which runs, it may be known under an address that does not reach it from here: see its --advertised-address.';
  }
  if (code === 'NO_PERMISSION' && OF_ACCOUNTS.test(message)) message += ADVICE_AT_REFUSAL;
  return new MessagingError(code, message, { cause, retryable });
}
