import { type ConsumerData, MessagingError, ResponseCode, TAG } from '../../protocol/index.js';
import type { ClientCore } from '../connection/client-core.js';
import { ResponseError } from '../connection/response-error.js';

/**
 * Asks the brokers whether they can filter as a group wants it, before they are told to: otherwise it would get nothing and
 * only its log would say why. A broker that cannot be reached is not asked; registering says what is wrong there.
 * Throws CONFIGURATION.
 */
export async function checkFilters(
  { clientId, routes, brokers, platform }: ClientCore,
  data: ConsumerData,
  listenersOf: (topic: string) => string,
): Promise<void> {
  const unusual = data.subscriptionDataSet.filter(
    ({ expressionType, NESTMQ_FILTERS: filters }) => expressionType !== TAG || filters !== undefined,
  );
  if (unusual.length === 0) return;
  if (routes.brokerAddresses().length === 0) await routes.learnBrokers();
  for (const subscriptionData of unusual) {
    for (const address of routes.masterAddresses()) {
      try {
        await brokers.checkSubscription(address, { clientId, group: data.groupName, subscriptionData });
      } catch (error) {
        if (error instanceof ResponseError) throw refused(error, listenersOf(subscriptionData.topic));
        platform.logger.debug(`The filters of ${data.groupName} were not checked: ${(error as Error).message}`);
      }
    }
  }
}

function refused(error: ResponseError, listeners: string): MessagingError {
  const cure =
    error.responseCode === ResponseCode.SYSTEM_ERROR
      ? '. Switch it on: broker.sqlFilters, or enablePropertyFilter=true for RocketMQ; or choose by tag or headers'
      : '';
  return new MessagingError('CONFIGURATION', `The selector of ${listeners}: ${error.message}${cure}`, { cause: error });
}
