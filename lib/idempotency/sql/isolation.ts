import { MessagingError } from '../../protocol/index.js';

/** @publicApi */
export type Isolation = 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';

const LEVELS: readonly Isolation[] = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'];

/** Its words stand in a statement, so that nothing else may get through. */
export function readIsolation(adapter: string, options: { readonly isolation?: Isolation | undefined }): Isolation {
  for (const name of Object.keys(options))
    if (name !== 'isolation')
      throw new MessagingError('CONFIGURATION', `${adapter} knows no option "${name}"; it knows isolation`);
  const { isolation = 'READ COMMITTED' } = options;
  if (!LEVELS.includes(isolation))
    throw new MessagingError(
      'CONFIGURATION',
      `${adapter}: isolation is one of ${LEVELS.join(', ')}, not "${isolation}"`,
    );
  return isolation;
}
