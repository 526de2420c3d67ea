import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { capabilityTable } from '../../lib/client/connection/capability-table.js';

const README = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');

function cells(table: string): string[][] {
  return table
    .trim()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim().replace(/^-+$/, '---')));
}

describe('the README', () => {
  it('has the table of capabilities that the client goes by', () => {
    const shown = /<!-- capabilities -->\n([^]*?)<!-- \/capabilities -->/.exec(README)?.[1] ?? '';
    expect(cells(shown)).toEqual(cells(capabilityTable()));
  });
});
