#!lua
-- Every write of the catalogue, atomically: items, their order, their log and their expiry agree.
--
-- The first line makes Redis refuse the whole script when it is out of memory, not half of it.
-- Calls without a put run all the same (`service.store.script`): they make room.
--
-- KEYS  1 store (id, last log position)  2 ids by log position  3 log  4 ids by expiry
--       5 impressions by id  6 ids by popularity  then one item hash per operation
-- ARGV  1 id for a store that has none  2 how long a tombstone is kept, in ms
--       then five per operation: put|delete|expire, item id, version, content, expires at (ms)
--
-- A version is 20 characters that sort as strings the way the numbers do (Lua's numbers are
-- doubles and cannot hold an int64); '' asks for the server's milliseconds.
-- Returns {store id, last log position, {status of each operation…}}.

local STORE, IDS, LOG, EXPIRY, SEEN, POPULAR = unpack(KEYS, 1, 6)
local retention = ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('HSETNX', STORE, 'id', ARGV[1])
local last = redis.call('HGET', STORE, 'last') or '0-0'

-- Of two writes without a version in one millisecond (or after the clock went back) the later
-- wins: it is numbered one above the other.
local function version_of(given, stored, auto)
  if given ~= '' then
    return given, '0'
  end
  local clock = string.format('1%019.0f', now)
  if stored and (clock == stored or (auto == '1' and clock < stored)) then
    clock = string.format('1%019.0f', tonumber(string.sub(stored, 2)) + 1)
  end
  return clock, '1'
end

-- `prev` chains the entries, so that a reader sees at once when some between are gone.
local function append(item, content, version)
  last = redis.call('XADD', LOG, '*',
    'item', item, 'content', content, 'version', version, 'prev', last)
end

local function bury(key, item, version, auto)
  redis.call('HSET', key, 'version', version, 'auto', auto, 'content', '')
  redis.call('PEXPIRE', key, retention)
  redis.call('ZREM', IDS, item)
  redis.call('ZREM', EXPIRY, item)
  redis.call('HDEL', SEEN, item)
  redis.call('ZREM', POPULAR, item)
end

local function put(key, item, stored, given, content, expires)
  local version, auto = version_of(given, stored.version, stored.auto)
  if stored.version and version < stored.version then
    return 'stale'
  end
  if version == stored.version then
    return content == stored.content and 'unchanged' or 'stale'
  end
  append(item, content, version)
  redis.call('HSET', key, 'version', version, 'auto', auto, 'content', content)
  redis.call('PERSIST', key)
  redis.call('ZADD', IDS, string.match(last, '^%d+'), item)
  if expires == '' then
    redis.call('ZREM', EXPIRY, item)
  else
    redis.call('ZADD', EXPIRY, expires, item)
  end
  return stored.live and 'updated' or 'created'
end

-- At equal versions a deletion wins over what it deletes, in whatever order they arrive.
local function delete(key, item, stored, given)
  local version, auto = version_of(given, stored.version, stored.auto)
  if stored.version and version < stored.version then
    return stored.live and 'stale' or 'absent'
  end
  if stored.live then
    append(item, '', version)
  end
  bury(key, item, version, auto)
  return stored.live and 'deleted' or 'absent'
end

local function expire(key, item, stored)
  local due = redis.call('ZSCORE', EXPIRY, item)
  if not due or tonumber(due) > now then
    return 'unchanged'
  end
  if not stored.live then
    redis.call('ZREM', EXPIRY, item)
    return 'absent'
  end
  append(item, '', stored.version)
  bury(key, item, stored.version, stored.auto)
  return 'deleted'
end

local run = {put = put, delete = delete, expire = expire}
local answer = {}
for n = 7, #KEYS do
  local at = 3 + (n - 7) * 5
  local found = redis.call('HMGET', KEYS[n], 'version', 'auto', 'content')
  local stored = {
    version = found[1],
    auto = found[2],
    content = found[3],
    live = found[3] and found[3] ~= '',
  }
  local status = run[ARGV[at]](
    KEYS[n], ARGV[at + 1], stored, ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
  answer[#answer + 1] = status
end
redis.call('HSET', STORE, 'last', last)
return {redis.call('HGET', STORE, 'id'), last, answer}
