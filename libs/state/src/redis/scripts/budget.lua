-- Takes tokens out of buckets: the arithmetic of token-bucket.ts, on Redis' clock. KEYS[1]: hash of when each bucket is full again, ms.
-- ARGV: tokens wanted, then capacity and period in ms of each bucket. Answers tokens granted, and ms until there is one when that is 0.
local wanted = tonumber(ARGV[1])
local time = redis.call("TIME")
local now = time[1] * 1000 + time[2] / 1000
local granted, wait, longest = wanted, 0, 0
local full = {}
for i = 1, (#ARGV - 1) / 2 do
  local capacity, period = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  -- A clock that went back must not close a bucket for longer than its period.
  local at = math.min(tonumber(redis.call("HGET", KEYS[1], i) or 0) or 0, now + period)
  full[i] = math.max(at, now)
  granted = math.min(granted, math.floor((now + period + ROUNDING_MS - full[i]) * capacity / period))
  wait = math.max(wait, full[i] + period / capacity - now - period)
  longest = math.max(longest, period)
end
if granted < 1 then return { 0, math.ceil(wait) } end

for i, at in ipairs(full) do
  local capacity, period = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  redis.call("HSET", KEYS[1], i, string.format("%.3f", at + granted * period / capacity))
end
redis.call("PEXPIRE", KEYS[1], longest)
return { granted, 0 }
