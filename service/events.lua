#!lua
-- One user's events, each once: history and seen list.
--
-- The first line makes Redis refuse the whole script when it is out of memory, not half of it.
--
-- KEYS  1 history  2 seen list  3 event ids taken  (all of one user, so of one slot)
-- ARGV  1 history length  2 seen length  3 how long an event id is remembered, in ms
--       4 how long history and seen list outlive the user's last event, in ms; 0: for ever
--       then three per event: event id or '', history entry or '', item id seen or ''
--
-- An event id is first pending (a negative time: its event may not be in the event stream yet) and
-- settled once it is there. A retry of a pending one must reach the stream, but is not pushed twice.
-- Returns one status an event: new, pending or duplicate.

local HISTORY, SEEN, TAKEN = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local oldest = now - ARGV[3]

redis.call('ZREMRANGEBYSCORE', TAKEN, -oldest, oldest)

local function status_of(event_id)
  local taken = event_id ~= '' and redis.call('ZSCORE', TAKEN, event_id)
  if not taken then
    return 'new'
  end
  return tonumber(taken) < 0 and 'pending' or 'duplicate'
end

local answer, alive = {}, false
for n = 5, #ARGV, 3 do
  local event_id, entry, seen = ARGV[n], ARGV[n + 1], ARGV[n + 2]
  local status = status_of(event_id)
  if status == 'new' then
    alive = true
    if event_id ~= '' then
      redis.call('ZADD', TAKEN, -now, event_id)
      redis.call('PEXPIRE', TAKEN, ARGV[3])
    end
    if entry ~= '' then
      redis.call('LPUSH', HISTORY, entry)
      redis.call('LTRIM', HISTORY, 0, ARGV[1] - 1)
    end
    if seen ~= '' then
      redis.call('LPUSH', SEEN, seen)
      redis.call('LTRIM', SEEN, 0, ARGV[2] - 1)
    end
  end
  answer[#answer + 1] = status
end

for _, key in ipairs(alive and {HISTORY, SEEN} or {}) do
  if tonumber(ARGV[4]) > 0 then
    redis.call('PEXPIRE', key, ARGV[4])
  else
    redis.call('PERSIST', key) -- it may have been otherwise
  end
end
return answer
