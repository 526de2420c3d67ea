export { bindingOf } from './transaction-binding.js';
export {
  type LocalTransaction,
  TransactionListener,
  type TransactionListenerOptions,
} from './transaction-listener.decorator.js';
export { TransactionMessage } from './transaction-message.js';
export { type TransactionDefinition, TransactionExplorer } from './transaction.explorer.js';
