#!lua
-- Append records of recommendations to the event stream, many in one call.
--
-- KEYS  1 event stream
-- ARGV  1 how many entries it keeps, about  2 the kind of these  3 their data, a line each

for data in string.gmatch(ARGV[3], '[^\n]+') do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'kind', ARGV[2], 'data', data)
end
