import 'reflect-metadata';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { relative } from 'node:path';
import { ValidationPipe, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { listenOnFreePort } from './listen.js';
import { showProgress } from './replay/show-progress.js';
import { ReplayService } from './replay/replay.service.js';
import { describeReport } from './report/report.js';
import { ReportService } from './report/report.service.js';
import { ShopSettings, USAGE } from './settings.js';
import { ShopLogger } from './shop-logger.js';

/** With --once nothing may go on for longer. */
const ONCE_MILLIS = 55_000;

async function main(settings: ShopSettings): Promise<void> {
  if (settings.fresh) rmSync(settings.folder, { recursive: true, force: true });
  mkdirSync(settings.folder, { recursive: true });

  const app = await NestFactory.create(AppModule.with(settings), { logger: new ShopLogger(), abortOnError: false });
  app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true }));
  app.enableShutdownHooks(); // so that Ctrl+C lets running handlers finish
  const port = await listenOnFreePort(app, settings.port);
  console.log(`shop      http://127.0.0.1:${port}/`);
  console.log(`data      ${relative(process.cwd(), settings.folder) || '.'}`);

  const matches = await replayAndReport(app, settings);
  if (settings.once) {
    await app.close();
    process.exitCode = matches ? 0 : 1;
  } else {
    console.log('\nServing until interrupted (Ctrl+C). `npm start -- --fresh` replays the day again.');
  }
}

async function replayAndReport(app: INestApplication, settings: ShopSettings): Promise<boolean> {
  const replay = app.get(ReplayService);
  console.log(
    replay.finished
      ? 'replay    was finished before\n'
      : `replay    ${replay.orders} orders, ${replay.sent === 0 ? 'from the first' : `going on after ${replay.sent}`}`,
  );
  const stopShowing = replay.finished ? () => {} : showProgress(app);
  await replay.run();
  stopShowing();
  const reports = app.get(ReportService);
  console.log(describeReport(reports.report()));
  const path = await reports.write();
  const check = spawnSync(process.execPath, [settings.checkScript, settings.csv, path, String(replay.days)], {
    stdio: 'inherit',
  });
  return check.status === 0;
}

let settings: ShopSettings;
try {
  settings = ShopSettings.parse(process.argv.slice(2), process.env);
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exit(2);
}
if (settings.once) {
  setTimeout(() => {
    console.error(`not done after ${ONCE_MILLIS / 1000} s`);
    process.exit(1);
  }, ONCE_MILLIS).unref();
}
main(settings).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
