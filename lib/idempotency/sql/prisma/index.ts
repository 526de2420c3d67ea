/** `nestmq/idempotency/prisma`: the inbox and the outbox in the interactive transactions of a Prisma client. */
export {
  prismaAdapter,
  type PrismaAdapterOptions,
  type PrismaClientLike,
  type PrismaStatements,
  type PrismaTransaction,
} from './prisma-adapter.js';
