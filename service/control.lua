#!lua
-- Append a plan to the control stream, unless somebody else has appended one meanwhile.
--
-- Each entry holds the whole plan, so the last one is all there is to know, and trimming loses
-- nothing but history.
--
-- KEYS  1 control stream
-- ARGV  1 id of the last entry the caller has seen, or ''  2 plan  3 what was done
--       4 how many entries are kept
-- Returns the entry's id, or nothing.

local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if (last and last[1] or '') ~= ARGV[1] then
  return false
end
return redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[4], '*', 'done', ARGV[3], 'plan', ARGV[2])
