#!lua flags=no-writes
-- Content and version of many items in one answer: a command each costs the client ten times that.
--
-- KEYS  item hashes
-- Returns {content, version} of each, both nil where there is none.

local found = {}
for n = 1, #KEYS do
  found[n] = redis.call('HMGET', KEYS[n], 'content', 'version')
end
return found
