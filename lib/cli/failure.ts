import { CommanderError } from 'commander';
import { MessagingError } from '../protocol/index.js';

export const EXIT_CODES = { success: 0, failure: 1, usage: 2 } as const;

/** Arguments, variables or a settings file that make no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What was asked for is not there. */
export class NotFoundError extends Error {
  override readonly name = 'NotFoundError';
}

/** What went wrong stands in the output already. */
export class ReportedFailure extends Error {
  override readonly name = 'ReportedFailure';
}

/** Stable: scripts decide by `code`, which is that of a MessagingError or one of USAGE, NOT_FOUND, INTERNAL. */
export interface FailureReport {
  readonly code: string;
  readonly message: string;
  /** Whether the same command may succeed later, unchanged. */
  readonly retryable: boolean;
}

/** Says on stderr what went wrong, as one JSON document or as one line; returns the exit code. */
export function reportFailure(error: unknown, json: boolean): number {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT_CODES.success;
  if (error instanceof ReportedFailure) return EXIT_CODES.failure;
  const report = describeFailure(error);
  if (json) process.stderr.write(`${JSON.stringify({ error: report })}\n`);
  // What commander finds wrong it has said itself.
  else if (!(error instanceof CommanderError)) process.stderr.write(`nestmq: ${report.message}\n`);
  return report.code === 'USAGE' ? EXIT_CODES.usage : EXIT_CODES.failure;
}

function describeFailure(error: unknown): FailureReport {
  if (error instanceof MessagingError) {
    const { code, message, retryable } = error;
    return { code, message, retryable };
  }
  if (error instanceof CommanderError) {
    const message =
      error.code === 'commander.help'
        ? 'A command is missing; --help shows them'
        : error.message.replace(/^error: /, '');
    return { code: 'USAGE', message, retryable: false };
  }
  if (error instanceof UsageError) return { code: 'USAGE', message: error.message, retryable: false };
  if (error instanceof NotFoundError) return { code: 'NOT_FOUND', message: error.message, retryable: false };
  // A defect of ours: only its stack says where.
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'INTERNAL', message, retryable: false };
}
