import type { INestApplication } from '@nestjs/common';
import { ConsumeMode, MessagingClient, type ReceivedMessage } from '../../../lib/client/index.js';
import { silentLogger, systemPlatform } from '../../../lib/platform/index.js';
import type { Connector } from '../../../lib/remoting/index.js';
import { MessagingConnections } from '../../../lib/nest/connection/index.js';

export interface DeadLetter {
  message: ReceivedMessage;
  errorClass: string | undefined;
  reason: string | undefined;
  attempts: number;
}

/** Reads the dead letters of a group with a client of its own, straight from the broker inside the application. */
export class DeadLetterReader {
  readonly letters: DeadLetter[] = [];
  private constructor(private readonly client: MessagingClient) {}

  static async open(app: INestApplication, group: string, connection = 'default'): Promise<DeadLetterReader> {
    const { broker } = app.get(MessagingConnections).get(connection, 'test') as unknown as {
      broker: { connector: Connector };
    };
    const client = new MessagingClient(
      {
        application: 'dead-letter-reader',
        nameServers: ['in-process'],
        connector: broker.connector,
      },
      systemPlatform({ logger: silentLogger }),
    );
    await client.start();
    await client.createTopic(`%DLQ%${group}`, 1);
    const reader = new DeadLetterReader(client);
    const consumer = client.consumer({
      group: `reader-of-${group}`,
      mode: ConsumeMode.CONCURRENT,
      from: 'earliest',
    });
    consumer.add({
      name: 'reader',
      topic: `%DLQ%${group}`,
      handle: (message) => {
        reader.letters.push({
          message,
          errorClass: message.systemProperty('NESTMQ_DLQ_ERROR_CLASS'),
          reason: message.systemProperty('NESTMQ_DLQ_ERROR_MESSAGE'),
          attempts: Number(message.systemProperty('NESTMQ_DLQ_ATTEMPTS')),
        });
        return { kind: 'acknowledge' };
      },
    });
    await consumer.register();
    await consumer.start();
    return reader;
  }

  async close(): Promise<void> {
    await this.client.shutdown(1000);
  }
}
