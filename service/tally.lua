#!lua
-- Count what users of arms were shown and clicked, unless the request forced its arm.
--
-- KEYS  1 counts by field  2 ids of requests that forced an arm
-- ARGV  pairs of request id and field

for n = 1, #ARGV, 2 do
  if not redis.call('ZSCORE', KEYS[2], ARGV[n]) then
    redis.call('HINCRBY', KEYS[1], ARGV[n + 1], 1)
  end
end
