-- Remembers a request until it has its final answer, and that for a while; where too many are open, the oldest make room.
local name, id, given, limit, bytes, content_type, expires, digest, fast = unpack(ARGV)
local now = clock(given)
local known, request = load_request(name, id, now)
if known and digest ~= "" and known.digest ~= "" and known.digest ~= digest then return reply("conflict") end
if known and known.finished then
  return reply("finished", known.type, now < tonumber(known.finished) and redis.call("GET", key(ANSWER, id .. ":" .. name)))
end
if known then return reply("open", state_at(name, now), told(known, bytes_of(known))) end

local queue = key(QUEUE, name)
local displaced = {}
if redis.call("ZCARD", queue) >= tonumber(limit) then
  local open = open_requests(name, now)
  local excess = #open + 1 - limit
  for _, each in ipairs(open) do
    if #displaced < excess and not each.dispatched then
      each.displaced = true
      displaced[#displaced + 1] = told(each)
      redis.call("HSET", key(REQUEST, each.id .. ":" .. name), "displaced", 1)
    end
  end
  if excess > 0 and #displaced == 0 then return reply("full") end
end

local last = redis.call("ZRANGE", queue, -1, -1, "WITHSCORES")
-- Places below 0 are those of requests from before the store was lost.
keep_request(name, id, math.max(last[2] or 0, 0) + 1, now, bytes, content_type, expires, digest, fast)
return reply("accepted", state_at(name, now), displaced)
