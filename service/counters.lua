#!lua
-- How often items were shown, and how popular they are, counted where the items live.
--
-- KEYS  1 impressions by id  2 ids by popularity  then one item hash per event
-- ARGV  1 half-life of popularity, in s  2 how many ids popularity keeps
--       then two per event: item id, time of a positive event (epoch s) or '' for an impression
--
-- Popularity is a time: the moment at which what is left of all positives of an item, each halved
-- every half-life since it came, is worth one. So a single positive has its own time, two at once
-- have it one half-life later, nothing ever has to be rescaled, and the order never changes by
-- itself. Only what the catalogue holds is counted: both go when their item goes.

local SEEN, POPULAR = KEYS[1], KEYS[2]
local half_life = tonumber(ARGV[1])

local function add(item, time)
  local before = tonumber(redis.call('ZSCORE', POPULAR, item) or nil) or -math.huge
  local later, gap = math.max(before, time), math.abs(before - time)
  local together = later + half_life * math.log(1 + 2 ^ (-gap / half_life)) / math.log(2)
  redis.call('ZADD', POPULAR, string.format('%.17g', together), item)
end

for n = 3, #KEYS do
  local at = 3 + (n - 3) * 2
  local item, time = ARGV[at], ARGV[at + 1]
  if redis.call('HSTRLEN', KEYS[n], 'content') > 0 then
    if time == '' then
      redis.call('HINCRBY', SEEN, item, 1)
    else
      add(item, tonumber(time))
    end
  end
end
redis.call('ZREMRANGEBYRANK', POPULAR, 0, -1 - tonumber(ARGV[2]))
