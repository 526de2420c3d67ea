import { Global, Module, type DynamicModule } from '@nestjs/common';
import { ShopSettings } from './settings.js';

@Global()
@Module({})
export class SettingsModule {
  static with(settings: ShopSettings): DynamicModule {
    return {
      module: SettingsModule,
      providers: [{ provide: ShopSettings, useValue: settings }],
      exports: [ShopSettings],
    };
  }
}
