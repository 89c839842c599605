#!lua
-- Append records of recommendations to the event stream, many in one call.
--
-- KEYS  1 event stream
-- ARGV  1 how many entries it keeps, about  2 the kind of these  then their data

for n = 3, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'kind', ARGV[2], 'data', ARGV[n])
end
