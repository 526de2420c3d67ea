import type { ModuleMetadata } from '@nestjs/common';
import type { TestingModuleBuilder } from '@nestjs/testing';
import { MessagingTestKit } from './messaging-test-kit.js';
import type { MessagingTestKitOptions } from './test-kit-options.js';

/** @publicApi */
export interface MessagingTestingModuleOptions extends MessagingTestKitOptions {
  /** Overrides more of the module before it is compiled: `(builder) => builder.overrideProvider(…).useValue(…)`. */
  prepare?: (builder: TestingModuleBuilder) => TestingModuleBuilder;
}

/**
 * An application as it is, on a broker in memory and in virtual time. `MessagingModule.forRoot(…)` in its imports stays.
 *
 * @publicApi
 */
export class MessagingTestingModule {
  /** Builds and initialises the application; `close()` of the kit closes it. */
  static async create(
    metadata: ModuleMetadata,
    options: MessagingTestingModuleOptions = {},
  ): Promise<MessagingTestKit> {
    const { prepare, ...rest } = options;
    const kit = new MessagingTestKit(rest);
    try {
      await kit.start(metadata, prepare);
    } catch (error) {
      await kit.close();
      throw error;
    }
    return kit;
  }

  /**
   * As `Test.createTestingModule`, for those who compile the module themselves, for example to make a Nest application with
   * HTTP routes. `module.get(MessagingTestKit)` is its kit.
   */
  static createTestingModule(metadata: ModuleMetadata, options: MessagingTestKitOptions = {}): TestingModuleBuilder {
    return new MessagingTestKit(options).createTestingModule(metadata);
  }
}
