import { createHash } from 'node:crypto';

// One key a message, so that a cluster can place each where it likes. Its value, and what ends it:
//
//   +-------+---------+-----+----------+-----+-------------+--------+
//   | state | token   | "|" | length   | ":" | fingerprint | result |     PX: the lease (P), the ttl (C and R)
//   +-------+---------+-----+----------+-----+-------------+--------+
//     1 byte  no "|"          decimal          `length`      of R
//     P: at work              bytes, or        bytes         only
//     C: handled              -1: none
//     R: handled, with        was given
//        a result
//
// The token stays after the message was handled: the client resends what it had no answer to when a connection breaks, and
// the same step asked twice by the same attempt must be answered as it was the first time.
const READ = `
local value = redis.call('GET', KEYS[1])
local state, token, length, at
if value then
  state, token, length, at = string.match(value, '^([PCR])([^|]*)|(%-?%d+):()')
  if not state then return redis.error_reply('NOTOURS the key holds something that nestmq did not write') end
  length = tonumber(length)
end
local function from() return at + math.max(length, 0) end
`;

export interface Script {
  readonly text: string;
  readonly sha1: string;
}

function script(body: string): Script {
  const text = READ + body;
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}

/**
 * Arguments: token, lease, the value to write, and the fingerprint unless there is none. Answers `A` acquired, `F` known with
 * another fingerprint, `C` handled, `R<result>` handled with a result; a number: busy for so many milliseconds.
 */
export const ACQUIRE = script(`
if not value then
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
  return 'A'
end
if ARGV[4] and length >= 0 and string.sub(value, at, from() - 1) ~= ARGV[4] then return 'F' end
if state == 'C' then return 'C' end
if state == 'R' then return 'R' .. string.sub(value, from()) end
if token == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 'A'
end
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  left = tonumber(ARGV[2])
end
return left
`);

/** Arguments: token, lease. Answers 1, or 0 when the lease was lost. */
export const EXTEND = script(`
if state ~= 'P' or token ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`);

/**
 * Arguments: token, ttl, `C` or `R`, the result. Answers 1, or 0 when somebody else has the key or had it. A key that is gone
 * is written: the lease ended, but nobody began since.
 */
export const COMPLETE = script(`
if not value then
  redis.call('SET', KEYS[1], ARGV[3] .. ARGV[1] .. '|-1:' .. ARGV[4], 'PX', ARGV[2])
  return 1
end
if token ~= ARGV[1] then return 0 end
if state == 'P' then
  redis.call('SET', KEYS[1], ARGV[3] .. string.sub(value, 2, from() - 1) .. ARGV[4], 'PX', ARGV[2])
end
return 1
`);

/** Argument: token. Answers 1, or 0 when the lease was lost. */
export const RELEASE = script(`
if state ~= 'P' or token ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`);

/** What stands in a key while its message is at work. */
export function valueAtWork(token: string, fingerprint: string | undefined): string {
  return fingerprint === undefined ? `P${token}|-1:` : `P${token}|${Buffer.byteLength(fingerprint)}:${fingerprint}`;
}
