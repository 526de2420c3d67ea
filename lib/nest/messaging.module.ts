import {
  type DynamicModule,
  type FactoryProvider,
  type InjectionToken,
  Module,
  type ModuleMetadata,
  type Provider,
  type Type,
} from '@nestjs/common';
import { MessagingAdmin } from '../client/index.js';
import { MessagingError } from '../protocol/index.js';
import { ConnectionEnvironment, MessagingConnection, MessagingConnections } from './connection/index.js';
import { DEFAULT_CONNECTION, getAdminToken, getTemplateToken } from './decorators/index.js';
import { MessagingCoreModule } from './messaging-core.module.js';
import {
  type MessagingConnectionOptions,
  type MessagingModuleOptions,
  type MessagingOptionsFactory,
  checkOptions,
  nameRule,
  resolveOptions,
  rule,
} from './options/index.js';
import { MessagingTemplate } from './template/index.js';

/** @publicApi */
export interface MessagingModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** Names the connection; default: `default`. Fixed here because the injection token depends on it. */
  connection?: string;
  /** Default: true. */
  isGlobal?: boolean;
  /** Tokens whose providers the factory is called with. */
  inject?: FactoryProvider['inject'];
  // Any arguments: their types come from `inject`, which cannot be expressed.
  // oxlint-disable-next-line no-explicit-any
  useFactory?: (...args: any[]) => MessagingConnectionOptions | Promise<MessagingConnectionOptions>;
  useClass?: Type<MessagingOptionsFactory>;
  useExisting?: InjectionToken<MessagingOptionsFactory>;
}

/**
 * Messaging for a Nest application. `forRoot()` runs a broker inside, on `./.nestmq`; with `nameServer` it is a client
 * of a broker elsewhere. Call it once per connection.
 *
 * @publicApi
 */
@Module({})
export class MessagingModule {
  static forRoot(options: MessagingModuleOptions = {}): DynamicModule {
    // Those of the connection are checked when it is set up, as the ones that forRootAsync gets.
    checkOptions('MessagingModule.forRoot', options, { isGlobal: rule.boolean }, 'some');
    const { connection = DEFAULT_CONNECTION, isGlobal = true, ...rest } = options;
    return define(connection, isGlobal, [], [{ provide: optionsToken(connection), useFactory: () => rest }]);
  }

  static forRootAsync(options: MessagingModuleAsyncOptions): DynamicModule {
    checkOptions('MessagingModule.forRootAsync', options, ASYNC_RULES);
    const { connection = DEFAULT_CONNECTION, isGlobal = true } = options;
    return define(connection, isGlobal, options.imports ?? [], asyncProviders(connection, options));
  }
}

const ASYNC_RULES = {
  connection: nameRule,
  isGlobal: rule.boolean,
  imports: { what: 'an array of modules', accepts: Array.isArray },
  inject: { what: 'an array of tokens', accepts: Array.isArray },
  useFactory: { what: 'a function', accepts: (value: unknown) => typeof value === 'function' },
  useClass: { what: 'a class', accepts: (value: unknown) => typeof value === 'function' },
  useExisting: rule.any,
};

function optionsToken(connection: string): string {
  return `nestmq:options:${connection}`;
}

function connectionToken(connection: string): string {
  return `nestmq:connection:${connection}`;
}

function define(
  connection: string,
  isGlobal: boolean,
  imports: NonNullable<ModuleMetadata['imports']>,
  optionProviders: Provider[],
): DynamicModule {
  const template = getTemplateToken(connection);
  const admin = getAdminToken(connection);
  return {
    module: MessagingModule,
    global: isGlobal,
    imports: [MessagingCoreModule, ...imports],
    providers: [
      ...optionProviders,
      {
        provide: connectionToken(connection),
        inject: [optionsToken(connection), MessagingConnections, ConnectionEnvironment],
        useFactory: (
          options: MessagingConnectionOptions,
          connections: MessagingConnections,
          environment: ConnectionEnvironment,
        ) => {
          const opened = new MessagingConnection(resolveOptions(connection, options), environment);
          connections.add(opened);
          return opened;
        },
      },
      {
        provide: template,
        inject: [connectionToken(connection)],
        useFactory: (opened: MessagingConnection) => new MessagingTemplate(opened),
      },
      {
        provide: admin,
        inject: [connectionToken(connection)],
        useFactory: (opened: MessagingConnection) => new MessagingAdmin(() => opened.administration()),
      },
    ],
    exports: [template, admin],
  };
}

function asyncProviders(connection: string, options: MessagingModuleAsyncOptions): Provider[] {
  const { useFactory, useClass, useExisting } = options;
  const given = [useFactory, useClass, useExisting].filter((way) => way !== undefined);
  if (given.length !== 1) {
    throw new MessagingError(
      'CONFIGURATION',
      `MessagingModule.forRootAsync, connection ${connection}: give exactly one of useFactory, useClass and useExisting`,
    );
  }
  const provide = optionsToken(connection);
  if (useFactory !== undefined) return [{ provide, inject: options.inject ?? [], useFactory }];
  const factory = {
    provide,
    inject: [useClass ?? useExisting!],
    useFactory: (from: MessagingOptionsFactory) => {
      if (typeof from?.createMessagingOptions === 'function') return from.createMessagingOptions();
      throw new MessagingError(
        'CONFIGURATION',
        `MessagingModule.forRootAsync, connection ${connection}: what useClass or useExisting names has no method createMessagingOptions`,
      );
    },
  };
  return useClass === undefined ? [factory] : [useClass, factory];
}
