import { afterAll, describe, expect, it } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { CSV, ShopProcess, removeTemporaryFolders, reportIn, temporaryFolder } from './shop-process.js';

afterAll(removeTemporaryFolders);

const post = (url: string, body: object) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

describe('the sample 01-shop', () => {
  it('replays the day, reports what the CSV holds and ends; a second start says the same; --fresh begins anew', async () => {
    const data = await temporaryFolder();
    const first = new ShopProcess(['--once', '--data', data]);
    expect([await first.ended, first.output]).toEqual([
      0,
      expect.stringContaining('Check: the report matches the CSV'),
    ]);
    const report = reportIn(first.output);
    for (const row of [
      /orders taken +143 /,
      /invoices +143 /,
      /cancellations +6\n/,
      /guest orders +16 /,
      /quotes +16 +asked for by guests, \d+\.\d+ in all\n/,
      /lines +3108\n/,
      /revenue +58635\.56\n/,
    ]) {
      expect(report).toMatch(row);
    }
    expect(report).toMatch(/1 × billing, attempt 1: \S*UNDECODABLE|1 × billing, attempt 1: .*not JSON/);
    expect(report).toMatch(/1 × warehouse, attempt 1: /);
    expect(report).toMatch(/dead letters +2\n/);
    expect(report).toMatch(/messages\/s +\d+/);

    const second = new ShopProcess(['--once', '--data', data]);
    expect(await second.ended).toBe(0);
    expect(second.output).toContain('was finished before');
    expect(reportIn(second.output)).toBe(report);

    const fresh = new ShopProcess(['--once', '--fresh', '--data', data]);
    expect(await fresh.ended).toBe(0);
    expect(fresh.output).toContain('143 orders, from the first');
  }, 120_000);

  it('serves on a free port until it is interrupted, and takes orders and prices by HTTP', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    const shop = new ShopProcess(['--data', await temporaryFolder()], { env: { PORT: String(port) } });
    try {
      const [, url, got] = (await shop.sees(/shop +(http:\/\/127\.0\.0\.1:(\d+)\/)/)) as unknown as [
        string,
        string,
        string,
      ];
      expect(Number(got)).toBeGreaterThan(port);
      await shop.sees(/Serving until interrupted/);
      const line = { stockCode: 'NEW1', description: 'A NEW THING', quantity: 2, price: '1.25' };
      expect((await post(`${url}orders`, { customer: '17850', lines: [line] })).status).toBe(202);
      expect((await post(`${url}orders`, { lines: [{ ...line, price: 'cheap' }] })).status).toBe(400);
      const dear = await post(`${url}orders`, { customer: '17850', lines: [{ ...line, quantity: 800 }] });
      expect([dear.status, await dear.json()]).toEqual([
        422,
        expect.objectContaining({ message: 'The credit of customer 17850 is used up' }),
      ]);
      const quote = await post(`${url}quotes`, { lines: [line, { ...line, quantity: 1 }] });
      expect([quote.status, await quote.json()]).toEqual([200, { total: '3.75' }]);
      const large = await post(`${url}quotes`, { lines: [{ ...line, quantity: 60_000 }] });
      expect([large.status, await large.json()]).toEqual([
        422,
        expect.objectContaining({ message: expect.stringContaining('60000 × NEW1') as never }),
      ]);
      expect((await post(`${url}quotes`, { lines: [] })).status).toBe(400);
      expect((await post(`${url}prices`, { stockCode: 'NEW1', price: '1.25' })).status).toBe(202);
      let report: { liveLines: number; lines: number; revenue: string };
      let prices: Record<string, string>;
      do {
        report = (await (await fetch(`${url}report`)).json()) as typeof report;
        prices = (await (await fetch(`${url}prices`)).json()) as typeof prices;
      } while (report.liveLines < 1 || prices.NEW1 === undefined);
      expect(report).toMatchObject({ lines: 3108, revenue: '58635.56', invoices: 143 });
      expect(prices.NEW1).toBe('1.25');
      expect(await (await fetch(`${url}dead-letters`)).json()).toHaveLength(2);
    } finally {
      shop.kill('SIGINT');
      taken.close();
    }
    // Nest raises the signal again after its shutdown hooks.
    expect([0, 130, 'SIGINT']).toContain(await shop.ended);
  }, 120_000);

  it('finishes with the same totals after two kill -9 on the way', async () => {
    const args = ['--times', '20', '--data', await temporaryFolder()];
    for (const seen of [/progress +[2-9]\d %/, /progress +[6-9]\d %/]) {
      const shop = new ShopProcess(args, { dies: seen });
      expect(await shop.ended).toBe('SIGKILL');
      expect(shop.output).toMatch(seen);
      expect(shop.output).not.toContain('Report');
    }
    const last = new ShopProcess(['--once', ...args]);
    expect([await last.ended, last.output]).toEqual([0, expect.stringContaining('Check: the report matches the CSV')]);
    expect(last.output).toMatch(/going on after \d+/);
    expect(reportIn(last.output)).toMatch(/invoices +2860 [^]*lines +62160\n[^]*revenue +1172711\.20\n/);
  }, 180_000);

  it('replays a longer time later on, a day after the other', async () => {
    const data = await temporaryFolder();
    expect(await new ShopProcess(['--once', '--data', data]).ended).toBe(0);
    const more = new ShopProcess(['--once', '--times', '3', '--data', data]);
    expect([await more.ended, more.output]).toEqual([0, expect.stringContaining('429 orders, going on after 143')]);
    expect(reportIn(more.output)).toMatch(/invoices +429 /);
  }, 120_000);

  it('reports other totals for another CSV, and still matches', async () => {
    const folder = await temporaryFolder();
    const csv = join(folder, 'other.csv');
    const rows = (await readFile(CSV, 'utf8')).split('\n');
    rows[1] = rows[1]!.replace(',6,', ',1000,').replace('2.55', '2.555');
    rows.splice(100, 5);
    rows.push('C999999,X,"A ""new"", THING",-3,2010-12-01 18:00:00,0.1,,Norway', '');
    await writeFile(csv, rows.join('\n'));
    const shop = new ShopProcess(['--once', '--csv', csv, '--data', folder]);
    expect([await shop.ended, shop.output]).toEqual([0, expect.stringContaining('matches the CSV')]);
    const report = reportIn(shop.output);
    expect(report).toMatch(/cancellations +7\n/);
    expect(report).toMatch(/lines +3104\n/);
    expect(report).not.toContain('58635.56');
  }, 120_000);

  it.each([
    [['--onec'], /Unknown option '--onec'[^]*--fresh/],
    [['--times', '0'], /--times must be a whole number from 1/],
    [['--csv', 'no-such-file.csv'], /ENOENT[^]*no-such-file\.csv/],
  ])('says what is wrong with %j and how it is meant', async (args, message) => {
    const shop = new ShopProcess(args);
    expect(await shop.ended).toBe(2);
    expect(shop.output).toMatch(message);
  });
});
