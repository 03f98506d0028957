-- Remembers a request until it has its final answer, and that for a while; where too many are open, the oldest make room.
local name, id, given, bytes, content_type, expires, limit, digest = unpack(ARGV)
local now = clock(given)
local known, request = load_request(name, id, now)
if known and digest ~= "" and known.digest ~= "" and known.digest ~= digest then return reply("conflict") end
if known and known.response then return reply("finished", known.response, known.type) end
if known then return reply("open") end

local queue = key(QUEUE, name)
local displaced = {}
if redis.call("ZCARD", queue) >= tonumber(limit) then
  local open = open_requests(name, now)
  local excess = #open + 1 - limit
  for _, each in ipairs(open) do
    if #displaced < excess and not each.dispatched then displaced[#displaced + 1] = each end
  end
  if excess > 0 and #displaced == 0 then return reply("full") end
  for _, each in ipairs(displaced) do redis.call("HSET", key(REQUEST, each.id .. ":" .. name), "displaced", 1) end
end

local lapses = string.format("%.0f", math.max(tonumber(expires), now) + ANSWER_MEMORY_MS)
redis.call("DEL", request)
redis.call("HSET", request, "request", bytes, "type", content_type, "expires", expires, "until", lapses, "digest", digest)
redis.call("PEXPIREAT", request, lapses)
redis.call("ZREMRANGEBYSCORE", key(OPEN_REQUESTS), "-inf", string.format("(%.0f", now - ANSWER_MEMORY_MS))
redis.call("ZADD", key(OPEN_REQUESTS), expires, id .. ":" .. name)
local last = redis.call("ZRANGE", queue, -1, -1, "WITHSCORES")
redis.call("ZREM", queue, id) -- One that lapsed would keep its place.
redis.call("ZADD", queue, (last[2] or 0) + 1, id)
keep_until(queue, lapses)
return reply("accepted", state_at(name, now), listed(displaced))
