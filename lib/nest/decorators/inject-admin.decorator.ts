import { Inject, type InjectionToken } from '@nestjs/common';
import { MessagingAdmin } from '../../client/index.js';
import { DEFAULT_CONNECTION } from './inject-template.decorator.js';

/**
 * What to inject (or to override in a test) for the administration of a connection. Default: the default connection,
 * which is the class itself.
 *
 * @publicApi
 */
export function getAdminToken(connection: string = DEFAULT_CONNECTION): InjectionToken<MessagingAdmin> {
  return connection === DEFAULT_CONNECTION ? MessagingAdmin : `nestmq:admin:${connection}`;
}

/** Injects the administration of a connection. @publicApi */
export function InjectAdmin(connection: string = DEFAULT_CONNECTION): PropertyDecorator & ParameterDecorator {
  return Inject(getAdminToken(connection));
}
