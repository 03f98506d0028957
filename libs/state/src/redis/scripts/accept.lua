-- Remembers a request until it has its final answer, and that for a while; where too many are open, the oldest that no node can have in hand make room.
local name, id, given, limit, in_hand, bytes, content_type, expires, digest, fast = unpack(ARGV)
local now = clock(given)
local known, request = load_request(name, id, now)
if known and digest ~= "" and known.digest ~= "" and known.digest ~= digest then return reply("conflict") end
if known and known.finished then
  return reply("finished", known.type, now < tonumber(known.finished) and redis.call("GET", key(ANSWER, id .. ":" .. name)))
end
if known then return reply("open", state_at(name, now), told(known, bytes_of(known))) end

forget_lapsed(now)
local queue = key(QUEUE, name)
local displaced, excess, place, spared = {}, redis.call("ZCARD", queue) + 1 - limit, 0, 0
while #displaced < excess do
  local oldest = redis.call("ZRANGE", queue, place, place)[1]
  if not oldest then break end
  local each, stored = load_request(name, oldest, now)
  if not each then
    forget_open(name, oldest)
    excess = excess - 1
  else
    place = place + 1
    if not each.dispatched and not each.displaced and spared < tonumber(in_hand) then
      spared = spared + 1
    elseif not each.dispatched then
      redis.call("HSET", stored, "displaced", 1)
      each.displaced = true
      displaced[#displaced + 1] = told(each)
    end
  end
end
local full = excess > 0 and #displaced == 0

local last = redis.call("ZRANGE", queue, -1, -1, "WITHSCORES")
-- Places below 0 are those of requests from before the store was lost.
keep_request(name, id, math.max(last[2] or 0, 0) + 1, now, bytes, content_type, expires, digest, fast)
if full then
  redis.call("HSET", key(REQUEST, id .. ":" .. name), "displaced", 1)
  return reply("full")
end
return reply("accepted", state_at(name, now), displaced)
