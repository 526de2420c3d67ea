import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { getAdminToken, InjectAdmin, MessagingAdmin, MessagingModule } from '../../../lib/index.js';
import { closeApplications, startApplication } from '../support/application.js';

@Injectable()
class Keeper {
  readonly found: string[][] = [];
  constructor(
    readonly admin: MessagingAdmin,
    @InjectAdmin('archive') readonly archive: MessagingAdmin,
  ) {}

  /** Injected before any connection is open. */
  async onModuleInit(): Promise<void> {
    void this.admin.topics.list().then((topics) => this.found.push(topics));
  }
}

describe('the administration of a connection', () => {
  afterEach(closeApplications);

  it('is injected by its class, or by the name of the connection', async () => {
    const app = await startApplication({
      messaging: { broker: { memory: true, topics: ['orders'] } },
      imports: [
        MessagingModule.forRoot({
          connection: 'archive',
          application: 'a',
          broker: { memory: true, topics: ['kept'] },
        }),
      ],
      providers: [Keeper],
    });
    const { admin, archive, found } = app.get(Keeper);
    expect(await admin.topics.list()).toEqual(['orders']);
    expect(await archive.topics.list()).toEqual(['kept']);
    expect(found).toEqual([['orders']]);
    expect(app.get(MessagingAdmin)).toBe(admin);
    expect(app.get(getAdminToken('archive'))).toBe(archive);
    await app.close();
    await expect(admin.topics.list()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
