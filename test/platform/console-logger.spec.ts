import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { ConsoleLogger } from '../../lib/platform/index.js';

describe('ConsoleLogger', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('writes one line whatever the message holds', () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
    new ConsoleLogger().warn('topic a\n[nestmq] ERROR forged\u001b[31m');
    expect(warn).toHaveBeenCalledTimes(1);
    expect(String(warn.mock.calls[0]![0])).toMatch(/^\[nestmq\] \S+ WARN topic a \[nestmq\] ERROR forged \[31m$/);
  });

  it('drops what is less important than its level, and errors never', () => {
    const log = jest.spyOn(console, 'log').mockImplementation(() => {});
    const error = jest.spyOn(console, 'error').mockImplementation(() => {});
    const logger = new ConsoleLogger('error');
    logger.log('quiet');
    logger.error('loud', new Error('cause'));
    expect(log).not.toHaveBeenCalled();
    expect(error).toHaveBeenCalledTimes(1);
  });
});
