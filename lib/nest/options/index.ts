export { applicationName, nameSafe } from './application-name.js';
export type {
  MessagingConnectionOptions,
  MessagingModuleOptions,
  MessagingOptionsFactory,
  ProducerSettings,
  ResolvedConnectionOptions,
  TlsOptions,
  CredentialOptions,
  TraceSetting,
} from './messaging-options.js';
export { type OptionRule, type OptionRules, checkOptions, oneOf, rule, wholeNumber } from './option-checker.js';
export { nameRule, resolveOptions } from './resolve-options.js';
