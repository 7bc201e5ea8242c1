/** How the weather workflow's objects are laid out in streams of Redis. */

/**
 * The stream of an object: a kind of fields of one producer, as those who subscribe want them.
 * Forecasts: a parameter of a member. Messages: a member, as its consumer takes all. Products: a
 * kind.
 */
export function streamOf(name: string): string {
  const parts = name.split('/');
  const isMessage = parts.some((part) => part.startsWith('levtype='));
  const unwanted = isMessage ? /^(step|levtype|level|param)=/ : /^(step|level)=/;
  return parts.filter((part) => !unwanted.test(part)).join('/');
}

/**
 * A reader has got all entries up to an id; those that all readers have got are removed. Keys: the
 * stream, and a hash of the readers' ids. Arguments: the reader, the id.
 */
export const ACKNOWLEDGE = `
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
local ms, seq
for _, id in ipairs(redis.call('HVALS', KEYS[2])) do
  local m, s = string.match(id, '^(%d+)-(%d+)$')
  m, s = tonumber(m), tonumber(s)
  if ms == nil or m < ms or (m == ms and s < seq) then ms, seq = m, s end
end
return redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f-%.0f', ms, seq + 1))
`;

export const readersOf = (stream: string): string => `readers:${stream}`;
