#!lua
-- Who may write to one collection, and which of its batches may still be under way.
--
-- KEYS  1 lease: the token of who writes, for as long as it is not silent
--       2 writing: the last token given, and every batch that is not known to have ended
-- ARGV  1 what  2 token (take: the least that will do, less one)  3 how long a lease lasts, in ms
--       4 name of a batch  5 the batch
--
-- Returns the token (take) or 1; 0 where somebody else has the lease.

local LEASE, WRITING = unpack(KEYS)
local what, token, lasts, name, batch = unpack(ARGV)
local holder = redis.call('GET', LEASE)

if what == 'take' then
  if holder then
    return 0
  end
  local last = tonumber(redis.call('HGET', WRITING, 'token') or '0')
  local given = string.format('%.0f', math.max(last, tonumber(token)) + 1)
  redis.call('HSET', WRITING, 'token', given)
  redis.call('PERSIST', WRITING) -- it is to be forgotten where its collection was dropped
  redis.call('SET', LEASE, given, 'PX', lasts)
  return tonumber(given)
end
if holder ~= token then
  return 0
end
if what == 'release' then
  return redis.call('DEL', LEASE)
end
redis.call('PEXPIRE', LEASE, lasts)
if what == 'begin' then
  redis.call('HSET', WRITING, name, batch)
elseif what == 'end' then
  redis.call('HDEL', WRITING, name)
end
return 1
